"""What `stylecam setup` would do, on recorded machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stylecam.errors import SetupError
from stylecam.system.probe import DeviceNode
from stylecam.system.setup.backups import HEADER
from stylecam.system.setup.plan import OPTIONS, SetupPlan, manual_steps, plan_installation, plan_removal
from tests.system.fake_host import (
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
    FakeHost,
    healthy,
    uninstall,
    unload,
)


@pytest.fixture
def host() -> FakeHost:
    host, _ = healthy()
    return host


def commands(plan: SetupPlan) -> list[str]:
    return [f"write {step.file}" if step.file else " ".join(step.command) for step in plan.steps]


def on(host: FakeHost, system: str, kernel: str = KERNEL, built: bool = True) -> list[str]:
    """The commands on a host of this system where nothing is installed."""
    host.files["/etc/os-release"] = system
    host.kernel = kernel
    host.files[f"/lib/modules/{kernel}/modules.dep"] = ""
    if built:
        host.files[f"/lib/modules/{kernel}/build/Makefile"] = ""
    uninstall(host)
    return commands(plan_installation(host))


LAST = [f"write {OPTIONS_FILE}", f"write {BOOT_FILE}", "modprobe v4l2loopback"]


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
    host: FakeHost, system: str, kernel: str, built: bool, install: str
) -> None:
    planned = on(host, system, kernel, built)
    assert install in planned
    assert planned[-3:] == LAST


def test_on_fedora_rpm_fusion_comes_first_where_it_is_missing(host: FakeHost) -> None:
    planned = on(host, FEDORA)
    assert planned[0].endswith("/rpmfusion-free-release-40.noarch.rpm")
    host.files["/etc/yum.repos.d/rpmfusion-free.repo"] = ""
    assert not any("rpmfusion" in command for command in commands(plan_installation(host)))


def test_a_fedora_that_is_an_image_gets_a_layer_and_a_restart(host: FakeHost) -> None:
    host.files["/run/ostree-booted"] = ""
    planned = on(host, FEDORA)
    assert "rpm-ostree install -y akmod-v4l2loopback" in planned
    assert "modprobe v4l2loopback" not in planned
    assert "restart" in plan_installation(host).next_steps[0]


def test_what_is_done_is_left_out(host: FakeHost) -> None:
    assert plan_installation(host).steps == ()
    unload(host)
    assert commands(plan_installation(host)) == ["modprobe v4l2loopback"]
    host.remove(BOOT_FILE)
    assert commands(plan_installation(host)) == [f"write {BOOT_FILE}", "modprobe v4l2loopback"]


def test_a_driver_that_runs_with_other_options_is_loaded_again(host: FakeHost) -> None:
    host.files[f"{LOOPBACK}/name"] = "Dummy video device"
    assert commands(plan_installation(host)) == ["modprobe -r v4l2loopback", "modprobe v4l2loopback"]


def test_the_options_are_as_modprobe_and_the_kernel_read_them(host: FakeHost, tmp_path: Path) -> None:
    on(host, DEBIAN)
    (step,) = [step for step in plan_installation(host).steps if step.file == OPTIONS_FILE]
    lines = step.command[4:]
    assert list(lines[1:]) == ["# installed with it: v4l2loopback-dkms", OPTIONS]
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin")
    if modprobe is None:
        pytest.skip("modprobe is not installed")
    (tmp_path / "stylecam.conf").write_text("\n".join(lines))
    read = subprocess.run([modprobe, "-C", str(tmp_path), "--showconfig"], capture_output=True, text=True, check=False)
    assert OPTIONS in read.stdout.splitlines()


def boot_securely(host: FakeHost, system: str, answer: str | None) -> SetupPlan:
    uninstall(host)
    host.files |= {"/etc/os-release": system, EFI_VARIABLE: "\x06\0\0\0\x01"}
    host.answer("mokutil", "--sb-state", out="SecureBoot enabled\n")
    if answer is not None:
        host.files["/var/lib/dkms/mok.pub"] = ""
        host.answer("mokutil", "--test-key", "/var/lib/dkms/mok.pub", out=answer)
    return plan_installation(host)


def test_with_secure_boot_the_key_is_handed_over_and_the_user_told_before(host: FakeHost) -> None:
    plan = boot_securely(host, DEBIAN, None)
    assert commands(plan)[-1] == "mokutil --import /var/lib/dkms/mok.pub"
    assert "Enroll MOK" in plan.notes[0]
    assert "restart" in plan.next_steps[0]


def test_a_key_that_waits_for_the_restart_is_not_handed_over_twice(host: FakeHost) -> None:
    plan = boot_securely(host, DEBIAN, "mok.pub is already in the enrollment request")
    assert not any("mokutil" in command or "modprobe v4l2" in command for command in commands(plan))
    assert "Enroll MOK" in plan.notes[0]


def test_a_trusted_key_needs_no_restart(host: FakeHost) -> None:
    plan = boot_securely(host, DEBIAN, "mok.pub is already enrolled")
    assert commands(plan)[-3:] == LAST


def test_ubuntus_packages_ask_for_the_password_themselves(host: FakeHost) -> None:
    plan = boot_securely(host, UBUNTU, None)
    assert not any("mokutil" in command for command in commands(plan))
    assert "restart" in plan.next_steps[0]


def refuse_platform(host: FakeHost) -> None:
    host.platform = "sunos5"


def refuse_wsl(host: FakeHost) -> None:
    host.kernel = "5.15-microsoft-standard"


def refuse_container(host: FakeHost) -> None:
    host.files["/.dockerenv"] = ""


def refuse_kernel(host: FakeHost) -> None:
    host.remove("/proc/modules", MODULE)


def refuse_orphan(host: FakeHost) -> None:
    uninstall(host)
    host.remove(f"/lib/modules/{KERNEL}")


def refuse_rhel(host: FakeHost) -> None:
    uninstall(host)
    host.files["/etc/os-release"] = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'


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
def test_where_it_cannot_be_done_the_reason_is_said(host: FakeHost, refuse: object, says: str) -> None:
    assert callable(refuse)
    refuse(host)
    with pytest.raises(SetupError, match=says):
        plan_installation(host)


def test_removing_takes_away_what_setup_brought_and_nothing_else(host: FakeHost) -> None:
    host.files[OPTIONS_FILE] = "\n".join(
        ["# written by stylecam setup; stylecam setup --remove takes it away",
         "# installed with it: v4l2loopback-dkms", OPTIONS]
    )  # fmt: skip
    assert commands(plan_removal(host)) == [
        "modprobe -r v4l2loopback",
        "apt-get remove -y v4l2loopback-dkms",
        f"rm -f {BOOT_FILE} {OPTIONS_FILE}",
    ]


def test_a_package_that_was_there_before_stays(host: FakeHost) -> None:
    assert commands(plan_removal(host)) == ["modprobe -r v4l2loopback", f"rm -f {BOOT_FILE} {OPTIONS_FILE}"]


def test_a_file_of_the_users_own_is_kept_before_setup_writes_it(host: FakeHost) -> None:
    host.files |= {OPTIONS_FILE: "options v4l2loopback devices=4\n", f"{OPTIONS_FILE}.backup-1": "older\n"}
    assert commands(plan_installation(host))[:2] == [
        f"mv {OPTIONS_FILE} {OPTIONS_FILE}.backup-2",
        f"write {OPTIONS_FILE}",
    ]


def test_removing_puts_the_file_back_that_setup_found(host: FakeHost) -> None:
    host.files |= {f"{OPTIONS_FILE}.backup-{number}": f"file {number}\n" for number in (1, 2, 10)}
    assert commands(plan_removal(host))[-2:] == [
        f"rm -f {BOOT_FILE} {OPTIONS_FILE}",
        f"mv {OPTIONS_FILE}.backup-10 {OPTIONS_FILE}",
    ]


def test_a_file_of_setups_that_the_user_has_changed_is_kept(host: FakeHost) -> None:
    host.files[OPTIONS_FILE] = f"{HEADER}\n{OPTIONS}\noptions uvcvideo quirks=2\n"
    assert commands(plan_removal(host))[-2:] == [
        f"rm -f {BOOT_FILE}",
        f"mv {OPTIONS_FILE} {OPTIONS_FILE}.backup-1",
    ]
    host.files |= {f"{OPTIONS_FILE}.backup-2": host.files[OPTIONS_FILE], f"{OPTIONS_FILE}.backup-1": "the first\n"}
    assert commands(plan_removal(host))[-2:] == [
        f"mv {OPTIONS_FILE} {OPTIONS_FILE}.backup-3",
        f"mv {OPTIONS_FILE}.backup-1 {OPTIONS_FILE}",
    ]


def test_files_of_the_users_own_stay(host: FakeHost) -> None:
    host.files |= {OPTIONS_FILE: OPTIONS, BOOT_FILE: "v4l2loopback\n"}
    plan = plan_removal(host)
    assert plan.steps == ()
    assert len(plan.notes) == 2


def test_where_nothing_was_set_up_there_is_nothing_to_remove(host: FakeHost) -> None:
    uninstall(host)
    assert plan_removal(host) == SetupPlan((), ())


def test_other_files_with_options_are_named(host: FakeHost) -> None:
    host.files["/etc/modprobe.d/obs.conf"] = "options v4l2loopback exclusive_caps=0"
    assert "/etc/modprobe.d/obs.conf also says" in plan_installation(host).notes[0]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_windows_and_macos_have_steps_for_people(platform: str) -> None:
    assert "OBS" in manual_steps(platform)[0]
    assert manual_steps("linux") == ()


class RootedHost(FakeHost):
    """A host whose files below /etc are real ones below `root`."""

    root = Path()

    def real(self, path: str) -> Path | None:
        return self.root / path.lstrip("/") if path.startswith("/etc/mod") else None

    def read_text(self, path: str) -> str | None:
        real = self.real(path)
        if real is None:
            return super().read_text(path)
        return real.read_text() if real.is_file() else None

    def list_directory(self, folder: str) -> tuple[str, ...] | None:
        real = self.real(folder)
        if real is None:
            return super().list_directory(folder)
        return tuple(sorted(entry.name for entry in real.iterdir())) if real.is_dir() else None

    def node(self, path: str) -> DeviceNode | None:
        real = self.real(path)
        if real is None:
            return super().node(path)
        return DeviceNode("root", "root", 0o644, True) if real.exists() else None

    def carry_out(self, plan: SetupPlan) -> None:
        """Run the steps about files for real, below `root`."""
        for step in plan.steps:
            if step.command[0] in ("sh", "mv", "rm"):
                subprocess.run([word.replace("/etc/", f"{self.root}/etc/") for word in step.command], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no driver to set up on Windows")
def test_setting_up_and_removing_leaves_the_users_files_as_they_were(host: FakeHost, tmp_path: Path) -> None:
    uninstall(host)
    rooted = RootedHost()
    vars(rooted).update(vars(host))
    rooted.root = tmp_path
    own = {
        OPTIONS_FILE: "options v4l2loopback devices=4\n# mine\n",
        BOOT_FILE: "uvcvideo\n",
        "/etc/modprobe.d/a.conf": "",
    }
    for path, text in own.items():
        (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path[1:]).write_text(text)
    before = files_below(tmp_path)
    rooted.carry_out(plan_installation(rooted))
    assert OPTIONS in (tmp_path / OPTIONS_FILE[1:]).read_text().splitlines()
    assert "v4l2loopback" in (tmp_path / BOOT_FILE[1:]).read_text().splitlines()
    assert not any(step.file for step in plan_installation(rooted).steps), "what is done is done again"
    rooted.carry_out(plan_removal(rooted))
    assert files_below(tmp_path) == before


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
