"""What a user may set for a live run. Each option is declared here once; see `stylecam.utils.options`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.control.http.address import Address
from stylecam.control.obs import DEFAULT, ObsAddress
from stylecam.engines.names import REMOTE, EngineSettings, RemoteSettings, check_names
from stylecam.engines.remote_target import RemoteTarget
from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.models.tier import check_tier
from stylecam.stylize.look import LookSettings, Preset
from stylecam.stylize.room import check_paint, check_room_file
from stylecam.utils.files import check_writable
from stylecam.utils.languages import LANGUAGES, Language, check_language, choose
from stylecam.utils.options import CAMERA, CONTROL, LOOK, OTHER, OUTPUT, PERFORMANCE, check_options, option


def _hotkey(text: str) -> tuple[str, str]:
    """Read `next=ctrl+alt+right` as a command and its keys."""
    command, equals, keys = text.partition("=")
    if not equals:
        raise UsageError(f"--hotkey {text!r} is not ORDER=KEYS; write for example next=ctrl+alt+right")
    return command.strip(), keys


@dataclass(frozen=True, slots=True)
class Settings(LookSettings, EngineSettings, RemoteSettings):
    """Everything a user may set for a live run, as plain values."""

    camera: str | None = option(
        None,
        help="Camera to use: index, /dev/videoN, part of its name, a video, picture or folder, a URL, or demo. "
        "Without: the first camera, or the demo if there is none.",
        group=CAMERA, metavar="WHICH", example="HD Webcam", command="camera",
    )  # fmt: skip
    style: str | None = option(
        None,
        help="Style to start with: its name, a blend a:0.6,b:0.4, an .onnx file, or none. Without: the first one.",
        group=LOOK, metavar="NAME", example="great_wave", command="select", preset=True,
    )  # fmt: skip
    size: Size = option(
        Size(1280, 720), help="Size of the published picture: 1280x720, 720p, 1080p, 1440p, 4k.",
        group=OUTPUT, metavar="SIZE", parse=Size.parse, command="size",
    )  # fmt: skip
    fps: float = option(
        30.0, help="Frames per second to publish.", group=OUTPUT, minimum=1.0, maximum=120.0, command="fps"
    )
    outputs: tuple[str, ...] = option(
        (),
        help="Where frames go: virtual[:DEVICE] (path or label), pipewire (Linux: a camera without a driver), "
        "web[:PORT], window, file:PATH.mp4 (PATH-2.mp4 where that exists), srt:PORT (OBS and players connect to it), "
        "srt://HOST:PORT, udp:HOST:PORT, rtmp://HOST/APP/KEY or null; may be given several times. "
        "Without: the virtual camera, or the web page if there is none, and pipewire where it runs.",
        group=OUTPUT, name="output", metavar="WHERE", example=["virtual", "window"], live=True,
    )  # fmt: skip
    stream_bitrate: int | None = option(
        None,
        help="Kilobits per second of each stream (srt, udp, rtmp). Without: by size and rate, 5530 for 1280x720 at 30.",
        group=OUTPUT, metavar="KBIT", minimum=100, maximum=100_000, example=4000,
    )  # fmt: skip
    audio: str | None = option(
        None,
        help="Sound for recordings and streams, in step with the picture and silent during panic and while the camera "
        "is off: default, the name of a microphone, or none. A wrong name lists those that exist. Without: no sound.",
        group=OUTPUT, metavar="DEVICE", example="default",
    )  # fmt: skip
    cpu: float = option(
        80.0,
        help="Largest share of the processor time to use; less leaves more for the call and keeps the fan quiet.",
        group=PERFORMANCE, metavar="PERCENT", minimum=5.0, maximum=100.0,
    )  # fmt: skip
    always_on: bool = option(False, help="Keep the camera on and stylize even while nobody watches.", group=CAMERA)
    idle_after: float | None = option(
        None,
        help="Switch the camera off after this long without a key, where stylecam cannot tell whether anybody "
        "watches; any key switches it on.",
        group=CAMERA, metavar="MINUTES", minimum=0.1, maximum=1440.0, example=20.0,
    )  # fmt: skip
    hotkeys: bool = option(True, help="Listen to hotkeys in every window, not only in this terminal.", group=CONTROL)
    bindings: Mapping[str, str] = option(
        {},
        help="Change a hotkey, for example next=ctrl+alt+right or select:1=ctrl+alt+1; quit= removes one.",
        group=CONTROL, name="hotkey", metavar="ORDER=KEYS", parse=_hotkey, example=["next=ctrl+alt+right"], live=True,
    )  # fmt: skip
    presets: Mapping[str, Preset] = option({}, help="Named looks: style, strength and so on.", group=CONTROL, live=True)
    obs: str | None = option(
        None,
        help="Let the scenes of OBS choose the style, as [scenes] in the configuration file says. "
        "Keep the address with its password in that file, where other users cannot see it: "
        "--obs without an address takes it from there.",
        group=CONTROL, metavar="[ws://:PASSWORD@HOST:PORT]", bare=DEFAULT, place=("obs", "url"), secret=True,
        example="ws://:password@127.0.0.1:4455",
    )  # fmt: skip
    favorites: tuple[str, ...] = option(
        (),
        help="Style that the page lists first; may be given several times. A star on the page changes it.",
        group=CONTROL, name="favorite", metavar="STYLE", example=["great_wave", "starry_night"], live=True,
    )  # fmt: skip
    scenes: Mapping[str, str] = option({}, help="Style or preset for each OBS scene.", group=CONTROL, live=True)
    seconds: float | None = option(
        None, help="Stop after this many seconds.", group=OTHER, minimum=0.1, maximum=math.inf, example=60.0
    )
    stats: Path | None = option(
        None,
        help="File to write statistics to, every second and at the end.",
        group=OTHER, metavar="FILE.json", example="stats.json",
    )  # fmt: skip
    server: bool = option(
        True,
        help="Serve the page with the picture, and control by phone, Stream Deck and `stylecam ctl`.",
        group=CONTROL, place=("server", "enabled"),
    )  # fmt: skip
    listen: str | None = option(
        None,
        help="Address of the server; 0.0.0.0 lets other computers in. Without: 127.0.0.1, first free port from 8765.",
        group=CONTROL, metavar="HOST[:PORT]", place=("server", "listen"), example="127.0.0.1:8765",
    )  # fmt: skip
    token: str | None = option(
        None,
        help="Token that links must carry: 8 or more letters and digits. Without: a random one, which is kept, so that "
        "links stay good; stylecam token --new makes another.",
        group=CONTROL, place=("server", "token"), secret=True, example="something-long-that-nobody-guesses",
    )  # fmt: skip
    language: str | None = option(
        None,
        help=f"Language of the page, of messages and of the words on cards: {', '.join(LANGUAGES)}. "
        "Without: what the browser asks for, that of the terminal, and English on cards.",
        group=CONTROL, metavar="CODE", example="de",
    )  # fmt: skip
    panic_picture: Path | None = option(
        None,
        help="Picture that others see after the key x or Ctrl+Alt+X. Without: a card.",
        group=CONTROL, metavar="FILE", place=("panic", "picture"), example="~/Pictures/back-soon.png", live=True,
    )  # fmt: skip
    pictures: Path = field(default_factory=Path)
    """The folder for snapshots."""
    videos: Path = field(default_factory=Path)
    """The folder for recordings."""
    terminal_keys: bool = True
    """Read single keys from the terminal, where there is one."""
    demo: bool = True
    """Show the demo where no camera was asked for and there is none."""

    @property
    def chosen_language(self) -> Language:
        """The language that the user has chosen; English where none was."""
        return choose([] if self.language is None else [self.language])

    @property
    def remote_target(self) -> RemoteTarget | None:
        """The server that paints; None where this computer alone paints.

        Raises:
            UsageError: the address, the certificates or the token make no sense.
        """
        if self.engine != REMOTE:
            return None
        if self.remote is None:
            raise UsageError("--engine remote needs the server's address: --remote grpc://HOST:PORT")
        return RemoteTarget.parse(self.remote, self.remote_ca, self.remote_token)

    def check(self) -> None:
        """Check that numbers, address and token make sense and that the statistics file can be written.

        Raises:
            UsageError: for the first one that does not.
        """
        from stylecam.control.http.token import check_token

        check_options(self)
        check_room_file(self.room)
        check_paint(self.paint, self.room)
        check_names(self.engine, self.device)
        self.remote_target  # noqa: B018 - raises for what makes no sense
        check_tier(self.tier)
        if self.listen is not None:
            Address.parse(self.listen)
        if self.token is not None:
            check_token(self.token)
        if self.language is not None:
            check_language(self.language)
        if self.obs is not None:
            ObsAddress.parse(self.obs)
        if self.stats is not None:
            check_writable(self.stats)
