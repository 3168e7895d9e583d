"""Take passwords, tokens and stream keys out of texts that others may see."""

from __future__ import annotations

import re

HIDDEN = "***"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://(\S*)")
_QUERY = re.compile(
    r"([?&;][^=&;\s]*(?:token|pass|pwd|key|secret|sig|auth|streamid)[^=&;\s]*=)[^&;#\s]*", re.IGNORECASE
)
_EXAMPLE = "HOST/APP/KEY"
"""Messages name this address as an example; there is nothing to hide in it."""
_STREAM_KEY_SCHEMES = ("rtmp", "rtmps", "rtmpt", "rtmpe", "rtmpte", "rtmpts")


def redact(text: str) -> str:
    """Return `text` with the secrets in its URLs replaced by `***`.

    Secrets are user names with passwords, values of parameters whose name says so (`token`, `passphrase`), and all that
    follows the application in the address of an RTMP server. As a password may contain any letter, also those that end
    the host (`/`, `?`, `@`), all is hidden up to the last `@`: rather too much than a part of it.
    """
    return _QUERY.sub(rf"\g<1>{HIDDEN}", _URL.sub(_redact_url, text))


def _redact_url(match: re.Match[str]) -> str:
    scheme, rest = match[1].lower(), match[2]
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, tail = rest.rpartition("@")
    if at and ("@" in host or ":" in host):
        rest = f"{HIDDEN}@{tail}" if user else rest
    if scheme in _STREAM_KEY_SCHEMES and rest.rstrip(",;.") != _EXAMPLE:
        server, slash, path = rest.partition("/")
        application, more, _ = path.partition("/")
        if more:
            path = f"{application}/{HIDDEN}"
        elif path:
            path = HIDDEN
        rest = server + slash + path
    return f"{match[1]}://{rest}"
