"""Where a server is that runs networks, and how to get in; light, so that the command line can import it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.errors import UsageError

DEFAULT_PORT = 8001
"""The port on which Triton speaks the protocol."""
_LONGEST_TOKEN = 8192
_PEM = b"-----BEGIN " + b"CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """A server that speaks the Open Inference Protocol over gRPC.

    Attributes:
        host: its name or address.
        port: its port for gRPC.
        secure: whether the connection is encrypted and the server shows a certificate.
        certificates: a file of the certificates to trust, in PEM format; None for those of the public authorities.
        token: sent with every request as `authorization: Bearer TOKEN`; None for none.
    """

    host: str
    port: int = DEFAULT_PORT
    secure: bool = False
    certificates: Path | None = None
    token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, certificates: Path | None = None, token: str | None = None) -> RemoteTarget:
        """Parse `grpc://HOST[:PORT]` or `grpcs://HOST[:PORT]`, which is encrypted.

        Raises:
            UsageError: `text` is neither; the certificates cannot be read or would not be used; the token cannot be
                sent, or would leave this computer unencrypted.
        """
        match = re.fullmatch(r"(grpcs?)://(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?/?", text.strip())
        port = int(match[3] or DEFAULT_PORT) if match else 0
        if match is None or not 1 <= port <= 65535:
            raise UsageError(f"--remote {text[:80]!r} is not grpc://HOST:PORT or, encrypted, grpcs://HOST:PORT")
        target = cls(match[2].strip("[]"), port, match[1] == "grpcs", certificates, token)
        target._check()
        return target

    @property
    def place(self) -> str:
        """The host and the port, as people write them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def on_this_computer(self) -> bool:
        """Whether what is sent there does not leave this computer."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def _check(self) -> None:
        if self.certificates is not None:
            if not self.secure:
                raise UsageError("--remote-ca is for an encrypted server: --remote grpcs://HOST:PORT")
            try:
                if _PEM not in self.certificates.read_bytes():
                    raise UsageError(f"--remote-ca {self.certificates} holds no certificate in PEM format")
            except OSError as error:
                raise UsageError(
                    f"--remote-ca {self.certificates} cannot be read: {error.strerror or error}"
                ) from error
        if self.token is not None:
            if not re.fullmatch(r"[\x21-\x7e]+", self.token) or len(self.token) > _LONGEST_TOKEN:
                raise UsageError("--remote-token must be one word of plain letters, digits and signs")
            if not self.secure and not self.on_this_computer:
                raise UsageError("--remote-token would be sent unencrypted; use --remote grpcs://HOST:PORT")
