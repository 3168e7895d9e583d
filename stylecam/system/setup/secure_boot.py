"""Tells whether Secure Boot is on, and whether it accepts a driver that was built on this computer."""

from __future__ import annotations

from enum import Enum

from stylecam.errors import ProbeError
from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message

_VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_KEYS = (
    "/var/lib/shim-signed/mok/MOK.der",  # Ubuntu
    "/var/lib/dkms/mok.pub",  # Debian and others with DKMS 3
    "/etc/pki/akmods/certs/public_key.der",  # Fedora
)
ENROLL_INSTRUCTIONS = Message(
    "restart the computer; on the blue screen choose 'Enroll MOK', 'Continue', 'Yes', enter the password you chose, "
    "and 'Reboot'"
)


def is_enabled(host: HostProbe) -> bool:
    """Return True if Secure Boot is on.

    Raises:
        ProbeError: it cannot be determined.
    """
    if host.list_directory("/sys/firmware/efi") is None:
        return False  # not started by EFI; a system that hides EFI does not verify drivers either
    variable = host.read_text(_VARIABLE)
    if variable and variable[-1] != "\x01":  # four bytes of attributes come first
        return False
    try:
        output = host.run("mokutil", "--sb-state").stdout.lower()
    except ProbeError:
        if variable:
            return True
        raise
    if "disabled" in output or "doesn't support" in output or "not supported" in output:
        return False  # includes "validation is disabled in shim", which mokutil prints beside an enabled Secure Boot
    if variable or "secureboot enabled" in output:
        return True
    raise ProbeError("mokutil does not say whether Secure Boot is on")


def find_signing_key(host: HostProbe) -> str | None:
    """Return the public key that signs drivers built here, or None if there is none yet."""
    for path in _KEYS:
        try:
            if host.node(path) is not None:
                return path
        except ProbeError:
            continue  # a folder that only root may enter
    return None


class KeyTrust(Enum):
    """What the firmware thinks of a signing key. A pending key is confirmed by the user at the next start."""

    TRUSTED = "trusted"
    PENDING = "pending"
    UNKNOWN = "unknown"


def key_trust(host: HostProbe, path: str) -> KeyTrust:
    """Return what the firmware thinks of the key at `path`.

    Raises:
        ProbeError: mokutil is missing or does not say.
    """
    done = host.run("mokutil", "--test-key", path)
    output = (done.stdout + done.stderr).lower()
    if "enrollment request" in output:
        return KeyTrust.PENDING
    if any(phrase in output for phrase in ("already enrolled", "already in db", "trusted keyring")):
        return KeyTrust.TRUSTED
    if "not enrolled" in output:
        return KeyTrust.UNKNOWN
    raise ProbeError("mokutil does not say whether the key is enrolled")


def enroll_step(path: str) -> SetupStep:
    """Return the step that hands a key to the firmware; mokutil asks the user for a new password."""
    return SetupStep(
        "have the firmware trust drivers built here; choose a password that you type once more after the restart",
        ("mokutil", "--import", path),
        True,
    )
