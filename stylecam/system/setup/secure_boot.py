"""Secure Boot: whether it is on, and whether it would let a driver in that was built on this computer."""

from __future__ import annotations

from enum import Enum

from stylecam.errors import ProbeError
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step

_VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_KEYS = (
    "/var/lib/shim-signed/mok/MOK.der",  # Ubuntu
    "/var/lib/dkms/mok.pub",  # Debian and others with DKMS 3
    "/etc/pki/akmods/certs/public_key.der",  # Fedora
)
ENROLLING = (
    "restart the computer; on the blue screen choose 'Enroll MOK', 'Continue', 'Yes', give the password you chose, "
    "and 'Reboot'"
)


def on(machine: Machine) -> bool:
    """Whether Secure Boot is on. Raises ProbeError where that cannot be seen."""
    if machine.names("/sys/firmware/efi") is None:
        return False  # it does not start by EFI, or hides it, and then does not check drivers either
    variable = machine.read(_VARIABLE)
    if variable:
        enabled = variable[-1:] == "\x01"  # four bytes of attributes before it
        if not enabled:
            return False
    try:
        said = machine.run("mokutil", "--sb-state").out.lower()
    except ProbeError:
        if variable:
            return True
        raise
    if "disabled" in said or "doesn't support" in said or "not supported" in said:
        return False  # also "validation is disabled in shim", beside an enabled Secure Boot
    if "secureboot enabled" in said:
        return True
    if variable:
        return True
    raise ProbeError("mokutil does not say whether Secure Boot is on")


def key(machine: Machine) -> str | None:
    """The public key that drivers built here are signed with, or None where there is none yet."""
    for path in _KEYS:
        try:
            if machine.node(path) is not None:
                return path
        except ProbeError:
            continue  # a folder that only root may enter
    return None


class Trust(Enum):
    """What the firmware thinks of a key: it trusts it, will ask about it at the next start, or does not know it."""

    GIVEN = "given"
    ASKED = "asked"
    MISSING = "missing"


def trust(machine: Machine, path: str) -> Trust:
    """What the firmware thinks of the key at `path`. Raises ProbeError."""
    done = machine.run("mokutil", "--test-key", path)
    said = (done.out + done.err).lower()
    if "enrollment request" in said:
        return Trust.ASKED
    if any(phrase in said for phrase in ("already enrolled", "already in db", "trusted keyring")):
        return Trust.GIVEN
    if "not enrolled" in said:
        return Trust.MISSING
    raise ProbeError("mokutil does not say whether the key is enrolled")


def enrolling(path: str) -> Step:
    """The step that hands a key to the firmware; mokutil asks for a password of the user's choice."""
    return Step(
        "have the firmware trust drivers built here; choose a password that you type once more after the restart",
        ("mokutil", "--import", path),
        True,
    )
