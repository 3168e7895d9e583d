"""Whatever the doctor meets: it does not crash, and never claims what it could not look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stylecam.errors import HotkeysUnavailableError, ProbeError
from stylecam.system.doctor.checks import run_checks
from stylecam.system.doctor.finding import Finding, Level
from stylecam.system.setup.steps import shell_line
from stylecam.utils.clock import SystemClock
from tests.system.fake_host import KERNEL, MODULE, SECOND, WEBCAM, FakeDiagnostics, FakeHost, healthy, uninstall, unload

ODD = ["", "\0\0\0", "�" * 500, "v4l2loopback", "\n\n=\n==\n", "9" * 5000, "\x1b[2J'\"\\"]


def found(host: FakeHost, diagnostics: FakeDiagnostics) -> dict[str, Finding]:
    """The worst finding of each subject."""
    order = [Level.OK, Level.UNCHECKED, Level.WARNING, Level.FAULT]
    findings = run_checks(host, diagnostics, SystemClock())
    return {finding.subject: finding for finding in sorted(findings, key=lambda one: order.index(one.level))}


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("path", sorted(healthy()[0].files))
def test_odd_contents_of_any_file_stop_nothing(path: str, text: str) -> None:
    host, diagnostics = healthy()
    host.files[path] = text
    assert "unexpected" not in " ".join(finding.found for finding in found(host, diagnostics).values())


@pytest.mark.parametrize("path", sorted(healthy()[0].files))
def test_a_file_that_cannot_be_read_is_unchecked_with_the_reason_or_not_needed(path: str) -> None:
    host, diagnostics = healthy()
    host.files[path] = ProbeError(f"{path}: Permission denied")
    findings = run_checks(host, diagnostics, SystemClock())
    assert not [finding for finding in findings if finding.level in (Level.FAULT, Level.WARNING)]
    unchecked = [finding for finding in findings if finding.level is Level.UNCHECKED]
    assert all(f"not checked: {path}: Permission denied" == finding.found for finding in unchecked) or (
        path.endswith("exclusive_caps") and unchecked[0].subject == "exclusive_caps"
    )


def test_without_any_tool_only_what_files_tell_is_claimed() -> None:
    host, diagnostics = healthy()
    unload(host)
    host.programs.clear()
    host.installed.clear()
    findings = found(host, diagnostics)
    assert findings["driver"].found == "v4l2loopback is installed but not loaded"
    host.remove(f"/lib/modules/{KERNEL}/modules.dep")
    assert found(host, diagnostics)["driver"].found == "not checked: modinfo is not installed"


def test_secure_boot_that_nobody_can_ask_is_not_claimed() -> None:
    host, diagnostics = healthy()
    host.remove("/sys/firmware/efi/efivars")
    host.programs.pop(("mokutil", "--sb-state"))
    assert found(host, diagnostics)["Secure Boot"].found == "not checked: mokutil is not installed"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("SecureBoot enabled\nSecureBoot validation is disabled in shim\n", "off"),
        ("This system doesn't support Secure Boot\n", "off"),
        ("Secure Boot aktiviert\n", "not checked: mokutil does not say whether Secure Boot is on"),
    ],
)
def test_secure_boot_is_what_mokutil_says_and_no_guess(said: str, verdict: str) -> None:
    host, diagnostics = healthy()
    host.remove("/sys/firmware/efi/efivars")
    host.answer("mokutil", "--sb-state", out=said)
    assert found(host, diagnostics)["Secure Boot"].found == verdict


def test_a_machine_without_efi_has_no_secure_boot() -> None:
    host, diagnostics = healthy()
    host.remove("/sys/firmware/efi")
    host.programs.clear()
    assert found(host, diagnostics)["Secure Boot"].found == "off"


@pytest.mark.parametrize("mark", ["/.dockerenv", "/run/.containerenv", "/.flatpak-info"])
def test_a_container_without_devices_is_sent_to_the_system_around_it(mark: str) -> None:
    host, diagnostics = healthy()
    uninstall(host)
    host.remove("/sys", "/dev", "/lib")
    host.files[mark] = ""
    diagnostics.camera_list = []
    findings = found(host, diagnostics)
    assert "belong to the surrounding system" in findings["driver"].found
    assert findings["driver"].fix is not None
    assert findings["driver"].fix.steps == ()
    assert "--device /dev/video0" in findings["cameras"].fix.words if findings["cameras"].fix else False
    assert "Secure Boot" not in findings


def test_an_old_kernel_that_tells_less_is_believed_no_more() -> None:
    host, diagnostics = healthy()
    host.kernel = "3.10.0"
    host.remove(f"{MODULE}/parameters", f"{MODULE}/version")
    host.files["/proc/meminfo"] = "MemTotal: 1 kB\nMemFree: 1 kB\n"
    findings = found(host, diagnostics)
    assert findings["exclusive_caps"].found == "not checked: the driver does not tell"
    assert findings["memory"].found == "not checked: /proc/meminfo does not say how much is available"
    assert "of unknown version" in findings["driver"].found


@pytest.mark.parametrize(
    ("installed", "line"),
    [
        ({"doas"}, "doas modprobe v4l2loopback"),
        ({"su"}, "su -c 'modprobe v4l2loopback'"),
        (set(), "(as root) modprobe v4l2loopback"),
    ],
)
def test_without_sudo_the_commands_are_those_that_work_here(installed: set[str], line: str) -> None:
    from stylecam.system.setup.steps import find_elevation

    host, diagnostics = healthy()
    unload(host)
    host.installed = installed
    fix = found(host, diagnostics)["driver"].fix
    assert fix is not None
    assert [shell_line(step, find_elevation(host)) for step in fix.steps] == [line]


def test_root_needs_no_sudo() -> None:
    from stylecam.system.setup.steps import find_elevation

    host, diagnostics = healthy()
    unload(host)
    host.user = replace(host.user, root=True)
    fix = found(host, diagnostics)["driver"].fix
    assert fix is not None
    assert [shell_line(step, find_elevation(host)) for step in fix.steps] == ["modprobe v4l2loopback"]


def test_a_camera_in_use_is_not_measured_and_that_is_said() -> None:
    host, diagnostics = healthy()
    diagnostics.open_in["/dev/video0"] = [(4711, "zoom")]
    assert found(host, diagnostics)["rate"].found == "not checked: /dev/video0 is in use"
    assert diagnostics.measurements == 0


def test_a_stylecam_that_runs_is_no_fault() -> None:
    host, diagnostics = healthy()
    diagnostics.open_in["/dev/video0"] = [(4711, "python3")]
    host.files["/proc/4711/cmdline"] = "/usr/bin/python3\0-m\0stylecam\0run"
    assert found(host, diagnostics)["in use"].level is Level.OK


def test_only_the_first_free_camera_is_measured() -> None:
    host, diagnostics = healthy()
    diagnostics.camera_list = [WEBCAM, SECOND, replace(WEBCAM, index=10, path="/dev/video10", virtual=True)]
    findings = run_checks(host, diagnostics, SystemClock())
    assert diagnostics.measurements == 1
    assert [f.level for f in findings if f.subject == "rate"] == [Level.OK, Level.UNCHECKED]


def test_cameras_that_cannot_be_listed_are_unchecked() -> None:
    host, diagnostics = healthy()
    diagnostics.camera_list = ProbeError("the cameras cannot be listed: COM error")
    assert found(host, diagnostics)["cameras"].found == "not checked: the cameras cannot be listed: COM error"


def query(host: FakeHost, key: str, value: str) -> None:
    host.answer("reg", "query", key, "/v", "Value", out=f"    Value    REG_SZ    {value}\n")


def windows() -> tuple[FakeHost, FakeDiagnostics]:
    host, diagnostics = healthy()
    host.platform = "win32"
    host.files.clear()
    place = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
    query(host, place, "Allow")
    query(host, rf"{place}\NonPackaged", "Allow")
    return host, diagnostics


def test_on_windows_obs_is_looked_for_whatever_the_language() -> None:
    host, diagnostics = windows()
    key = r"HKLM\SOFTWARE\Classes\CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
    host.answer("reg", "query", key, status=1, err="FEHLER: Der angegebene Registrierungsschlüssel fehlt")
    assert "not registered" in next(
        f.found for f in run_checks(host, diagnostics, SystemClock()) if f.subject == "camera"
    )
    host.answer("reg", "query", key, out=key)
    assert "OBS Virtual Camera is registered" in [f.found for f in run_checks(host, diagnostics, SystemClock())]


def test_windows_may_withhold_the_camera() -> None:
    host, diagnostics = windows()
    place = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
    query(host, rf"{place}\NonPackaged", "Deny")
    fault = found(host, diagnostics)["privacy"]
    assert fault.level is Level.FAULT
    assert fault.fix is not None
    assert fault.fix.steps[0].command == ("explorer", "ms-settings:privacy-webcam")


@pytest.mark.parametrize(
    ("state", "level", "says"),
    [
        ("activated enabled", Level.OK, "is allowed"),
        ("activated waiting for user", Level.FAULT, "waits for your consent"),
        (None, Level.FAULT, "was never started"),
    ],
)
def test_on_macos_obs_must_be_there_and_allowed(state: str | None, level: Level, says: str) -> None:
    host, diagnostics = healthy()
    host.platform = "darwin"
    diagnostics.camera_list = []
    host.files.clear()
    assert "not installed" in found(host, diagnostics)["camera"].found
    host.files["/Applications/OBS.app/Contents/Info.plist"] = ""
    listed = (
        f"* * X (com.obsproject.obs-studio.mac-camera-extension (1/1)) OBS [{state}]\n" if state else "0 extensions\n"
    )
    host.answer("systemextensionsctl", "list", out=listed)
    finding = found(host, diagnostics)["camera"]
    assert finding.level is level
    assert says in finding.found


def test_macos_withholding_the_keyboard_is_a_fault_with_the_page_to_open() -> None:
    host, diagnostics = healthy()
    host.platform = "darwin"
    diagnostics.keyboard = "macOS withholds the keyboard"
    fault = found(host, diagnostics)["hotkeys"]
    assert fault.level is Level.FAULT
    assert fault.fix is not None
    assert fault.fix.steps[0].command[0] == "open"


def test_a_system_nobody_knows_is_unchecked() -> None:
    host, diagnostics = healthy()
    host.platform = "freebsd14"
    diagnostics.keyboard = HotkeysUnavailableError("no display")
    assert found(host, diagnostics)["hotkeys"].level is Level.FAULT
    assert any("no virtual camera" in f.found for f in run_checks(host, diagnostics, SystemClock()))
