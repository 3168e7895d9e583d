"""What `stylecam setup` would do, on recorded machines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stylecam.errors import SetupError
from stylecam.system.setup.plan import OPTIONS, Plan, by_hand, installation, removal
from tests.recorded import (
    ARCH,
    BOOT_FILE,
    DEBIAN,
    EFI_VARIABLE,
    FEDORA,
    KERNEL,
    LOOPBACK,
    MODULE,
    OPTIONS_FILE,
    UBUNTU,
    Recorded,
    healthy,
    uninstall,
    unload,
)


@pytest.fixture
def machine() -> Recorded:
    machine, _ = healthy()
    return machine


def commands(plan: Plan) -> list[str]:
    return [" ".join(step.command) for step in plan.steps]


def on(machine: Recorded, system: str, kernel: str = KERNEL, built: bool = True) -> list[str]:
    """The commands on a machine of this system where nothing is installed."""
    machine.files["/etc/os-release"] = system
    machine.kernel = kernel
    machine.files[f"/lib/modules/{kernel}/modules.dep"] = ""
    if built:
        machine.files[f"/lib/modules/{kernel}/build/Makefile"] = ""
    uninstall(machine)
    return commands(installation(machine))


LAST = [f"tee {OPTIONS_FILE}", f"tee {BOOT_FILE}", "modprobe v4l2loopback"]


@pytest.mark.parametrize(
    ("system", "kernel", "built", "install"),
    [
        (DEBIAN, "6.1.0-19-amd64", True, "apt-get install -y linux-headers-amd64 v4l2loopback-dkms"),
        (DEBIAN, "6.1.0-19-amd64", False,
         "apt-get install -y linux-headers-amd64 linux-headers-6.1.0-19-amd64 v4l2loopback-dkms"),
        (DEBIAN, "6.1.0-19-cloud-arm64", True, "apt-get install -y linux-headers-cloud-arm64 v4l2loopback-dkms"),
        (DEBIAN, "6.6.20+rpt-rpi-v8", True, "apt-get install -y linux-headers-rpi-v8 v4l2loopback-dkms"),
        (DEBIAN, "6.9.1-mine", False, "apt-get install -y linux-headers-6.9.1-mine v4l2loopback-dkms"),
        (UBUNTU, "6.8.0-45-lowlatency", True, "apt-get install -y linux-headers-lowlatency v4l2loopback-dkms"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "5.15.0-91-generic", True,
         "apt-get install -y linux-headers-generic v4l2loopback-dkms"),
        (ARCH, "6.6.30-1-lts", True, "pacman -S --needed --noconfirm linux-lts-headers v4l2loopback-dkms"),
        ("ID=manjaro\nID_LIKE=arch\n", "6.6.10-1-MANJARO", True,
         "pacman -S --needed --noconfirm linux66-headers v4l2loopback-dkms"),
        (FEDORA, "6.9.7-200.fc40.x86_64", False,
         "dnf install -y kernel-devel-6.9.7-200.fc40.x86_64 akmod-v4l2loopback"),
        ("ID=opensuse-tumbleweed\nID_LIKE='opensuse suse'\n", "6.9.7-1-default", True,
         "zypper --non-interactive install v4l2loopback-kmp-default"),
    ],
)  # fmt: skip
def test_each_distribution_installs_in_its_own_way(
    machine: Recorded, system: str, kernel: str, built: bool, install: str
) -> None:
    planned = on(machine, system, kernel, built)
    assert install in planned
    assert planned[-3:] == LAST


def test_on_fedora_rpm_fusion_comes_first_where_it_is_missing(machine: Recorded) -> None:
    planned = on(machine, FEDORA)
    assert planned[0].endswith("/rpmfusion-free-release-40.noarch.rpm")
    machine.files["/etc/yum.repos.d/rpmfusion-free.repo"] = ""
    assert not any("rpmfusion" in command for command in commands(installation(machine)))


def test_a_fedora_that_is_an_image_gets_a_layer_and_a_restart(machine: Recorded) -> None:
    machine.files["/run/ostree-booted"] = ""
    planned = on(machine, FEDORA)
    assert "rpm-ostree install -y akmod-v4l2loopback" in planned
    assert "modprobe v4l2loopback" not in planned
    assert "restart" in installation(machine).then[0]


def test_what_is_done_is_left_out(machine: Recorded) -> None:
    assert installation(machine).steps == ()
    unload(machine)
    assert commands(installation(machine)) == ["modprobe v4l2loopback"]
    machine.remove(BOOT_FILE)
    assert commands(installation(machine)) == [f"tee {BOOT_FILE}", "modprobe v4l2loopback"]


def test_a_driver_that_runs_with_other_options_is_loaded_again(machine: Recorded) -> None:
    machine.files[f"{LOOPBACK}/name"] = "Dummy video device"
    assert commands(installation(machine)) == ["modprobe -r v4l2loopback", "modprobe v4l2loopback"]


def test_the_options_are_as_modprobe_and_the_kernel_read_them(machine: Recorded, tmp_path: Path) -> None:
    on(machine, DEBIAN)
    (step,) = [step for step in installation(machine).steps if step.command == ("tee", OPTIONS_FILE)]
    assert step.content is not None
    assert step.content.splitlines()[1:] == ["# installed with it: v4l2loopback-dkms", OPTIONS]
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin")
    if modprobe is None:
        pytest.skip("modprobe is not installed")
    (tmp_path / "stylecam.conf").write_text(step.content)
    read = subprocess.run([modprobe, "-C", str(tmp_path), "--showconfig"], capture_output=True, text=True, check=False)
    assert OPTIONS in read.stdout.splitlines()


def boot_securely(machine: Recorded, system: str, answer: str | None) -> Plan:
    uninstall(machine)
    machine.files |= {"/etc/os-release": system, EFI_VARIABLE: "\x06\0\0\0\x01"}
    machine.says("mokutil", "--sb-state", out="SecureBoot enabled\n")
    if answer is not None:
        machine.files["/var/lib/dkms/mok.pub"] = ""
        machine.says("mokutil", "--test-key", "/var/lib/dkms/mok.pub", out=answer)
    return installation(machine)


def test_with_secure_boot_the_key_is_handed_over_and_the_user_told_before(machine: Recorded) -> None:
    plan = boot_securely(machine, DEBIAN, None)
    assert commands(plan)[-1] == "mokutil --import /var/lib/dkms/mok.pub"
    assert "Enroll MOK" in plan.notes[0]
    assert "restart" in plan.then[0]


def test_a_key_that_waits_for_the_restart_is_not_handed_over_twice(machine: Recorded) -> None:
    plan = boot_securely(machine, DEBIAN, "mok.pub is already in the enrollment request")
    assert not any("mokutil" in command or "modprobe v4l2" in command for command in commands(plan))
    assert "Enroll MOK" in plan.notes[0]


def test_a_trusted_key_needs_no_restart(machine: Recorded) -> None:
    plan = boot_securely(machine, DEBIAN, "mok.pub is already enrolled")
    assert commands(plan)[-3:] == LAST


def test_ubuntus_packages_ask_for_the_password_themselves(machine: Recorded) -> None:
    plan = boot_securely(machine, UBUNTU, None)
    assert not any("mokutil" in command for command in commands(plan))
    assert "restart" in plan.then[0]


def refuse_platform(machine: Recorded) -> None:
    machine.platform = "sunos5"


def refuse_wsl(machine: Recorded) -> None:
    machine.kernel = "5.15-microsoft-standard"


def refuse_container(machine: Recorded) -> None:
    machine.files["/.dockerenv"] = ""


def refuse_kernel(machine: Recorded) -> None:
    machine.remove("/proc/modules", MODULE)


def refuse_orphan(machine: Recorded) -> None:
    uninstall(machine)
    machine.remove(f"/lib/modules/{KERNEL}")


def refuse_rhel(machine: Recorded) -> None:
    uninstall(machine)
    machine.files["/etc/os-release"] = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'


@pytest.mark.parametrize(
    ("refuse", "says"),
    [
        (refuse_platform, "no driver for stylecam"),
        (refuse_wsl, "WSL has no cameras"),
        (refuse_container, "this is a container"),
        (refuse_kernel, "cannot load drivers"),
        (refuse_orphan, "restart the computer"),
        (refuse_rhel, "does not know how"),
    ],
)
def test_where_it_cannot_be_done_the_reason_is_said(machine: Recorded, refuse: object, says: str) -> None:
    assert callable(refuse)
    refuse(machine)
    with pytest.raises(SetupError, match=says):
        installation(machine)


def test_removing_takes_away_what_setup_brought_and_nothing_else(machine: Recorded) -> None:
    machine.files[OPTIONS_FILE] = "\n".join(
        ["# written by stylecam setup; stylecam setup --remove takes it away",
         "# installed with it: v4l2loopback-dkms", OPTIONS]
    )  # fmt: skip
    assert commands(removal(machine)) == [
        "modprobe -r v4l2loopback",
        "apt-get remove -y v4l2loopback-dkms",
        f"rm -f {BOOT_FILE} {OPTIONS_FILE}",
    ]


def test_a_package_that_was_there_before_stays(machine: Recorded) -> None:
    assert commands(removal(machine)) == ["modprobe -r v4l2loopback", f"rm -f {BOOT_FILE} {OPTIONS_FILE}"]


def test_files_of_the_users_own_stay(machine: Recorded) -> None:
    machine.files |= {OPTIONS_FILE: OPTIONS, BOOT_FILE: "v4l2loopback\n"}
    plan = removal(machine)
    assert plan.steps == ()
    assert len(plan.notes) == 2


def test_where_nothing_was_set_up_there_is_nothing_to_remove(machine: Recorded) -> None:
    uninstall(machine)
    assert removal(machine) == Plan((), ())


def test_other_files_with_options_are_named(machine: Recorded) -> None:
    machine.files["/etc/modprobe.d/obs.conf"] = "options v4l2loopback exclusive_caps=0"
    assert "/etc/modprobe.d/obs.conf also says" in installation(machine).notes[0]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_windows_and_macos_have_steps_for_people(platform: str) -> None:
    assert "OBS" in by_hand(platform)[0]
    assert by_hand("linux") == ()
