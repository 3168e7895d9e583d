"""How soon an order is seen in a real OBS that is set up as `stylecam obs` says, and in others of its inputs."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stylecam.control.obs_inputs import BROWSER_SOURCE, MEDIA_SOURCE, media_source_fields
from stylecam.media.frame import Image, Size
from stylecam.system.obs_studio import has_browser_source
from tests.end_to_end.conftest import unavailable
from tests.end_to_end.outside import (
    PATIENCE_S,
    Program,
    difference,
    environment,
    free_port,
    get,
    run_command,
    wait_for,
)

if TYPE_CHECKING:
    from tests.end_to_end.clients.obs_studio import ObsStudio

pytestmark = pytest.mark.system

PLAYED_S = 10.0
"""How long OBS plays before the orders: a stream that it plays at 25 instead of 30 is then 1.7 s behind."""
ORDERS = 8
BACKLOG_S = 1.2
"""No promise of speed: later than this means that pictures wait somewhere."""
SMALL = Size(64, 36)
"""The size in which pictures are compared; larger ones would keep OBS busy."""
CARD_LEVELS = 8.0
"""How far the card of a panic may seem to differ from itself after all conversions; the picture differs by more."""
DIALOG = Path("/usr/share/obs/obs-plugins/obs-ffmpeg/locale/en-US.ini")
"""The labels of the Media Source's dialog, where Debian keeps them."""
LOW_DELAY = "fflags=nobuffer flags=low_delay analyzeduration=0 probesize=32"

_NUMBERS = itertools.count(1)


class Streaming:
    """A stylecam that serves its page and listens for SRT; it can be killed and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self.port, self.srt_port = free_port(), free_port()
        self._home, self._environment = home, environment(home)
        self._program: Program | None = None

    def start(self) -> None:
        """Start it and wait until it has published a picture."""
        command = run_command(
            "--camera", "demo", "--style", "none", "--size", "640x360", "--no-hotkeys",
            "--output", f"web:{self.port}", "--output", f"srt:{self.srt_port}",
        )  # fmt: skip
        self._program = Program(command, self._environment, self._home)
        self._program.wait_until_published()

    def kill(self) -> None:
        """Kill it. May be called twice."""
        if self._program is not None:
            self._program.kill()
            self._program.stats_file.unlink(missing_ok=True)  # the next one has not published anything yet
            self._program = None

    def panic(self, on: bool) -> None:
        """Order a still picture, or the end of it."""
        get(self.port, f"/api/do/panic?on={'true' if on else 'false'}")

    def advice(self) -> dict[str, Any]:
        """Return what `stylecam obs --json` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "stylecam", "obs", "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        advice: dict[str, Any] = json.loads(done.stdout)
        return advice


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streaming]:
    started = Streaming(tmp_path_factory.mktemp("home"))
    try:
        started.start()
        yield started
    finally:
        started.kill()


@contextmanager
def media_source(obs: ObsStudio, settings: dict[str, Any]) -> Iterator[str]:
    """Have a Media Source with these settings on air; yields its name."""
    name = f"stylecam {next(_NUMBERS)}"  # a removed one keeps its name for a moment
    obs.call("CreateInput", sceneName="Scene", inputName=name, inputKind=MEDIA_SOURCE, inputSettings=settings)
    try:
        wait_for("a picture in OBS", lambda: obs.picture(name, SMALL).mean() > 1)
        yield name
    finally:
        obs.call("RemoveInput", inputName=name)


def order_to_visible(obs: ObsStudio, source: str, streaming: Streaming, label: str) -> float:
    """Order and end a still picture some times, print how long OBS took to show it, and return the median in s."""
    streaming.panic(on=True)
    card: list[Image] = []

    def holds_still() -> bool:
        card.append(obs.picture(source, SMALL))
        return len(card) > 30 and max(difference(card[-1], earlier) for earlier in card[-30:]) < 1

    wait_for("the still picture in OBS", holds_still)
    taken = []
    for number in range(ORDERS):
        covered = number % 2 == 1
        began_at = time.monotonic()
        streaming.panic(on=covered)
        wait_for("the change", lambda: (difference(obs.picture(source, SMALL), card[-1]) < CARD_LEVELS) is covered)  # noqa: B023
        taken.append(time.monotonic() - began_at)
    streaming.panic(on=False)
    p50, p95 = np.percentile(taken, (50, 95)) * 1000
    print(f"\norder to visible in OBS, {label}: n {ORDERS}, p50 {p50:.0f}, p95 {p95:.0f} ms")
    return float(p50) / 1000


@pytest.mark.timeout(240)  # with the start of both programs on a busy machine
def test_obs_shows_an_order_soon_and_what_is_advised_is_the_soonest(obs: ObsStudio, streaming: Streaming) -> None:
    with media_source(obs, streaming.advice()["media_source_settings"]) as source:
        began_at = time.monotonic()
        wait_for("a backlog to grow", lambda: time.monotonic() - began_at > PLAYED_S)
        advised_s = order_to_visible(obs, source, streaming, "Media Source as advised")
    assert advised_s < BACKLOG_S
    url = f"srt://127.0.0.1:{streaming.srt_port}?latency=20000"
    settings = {"is_local_file": False, "input": url, "input_format": "mpegts", "ffmpeg_options": LOW_DELAY}
    with media_source(obs, {**settings, "buffering_mb": 0, "reconnect_delay_sec": 1}) as source:
        srt_s = order_to_visible(obs, source, streaming, "Media Source, SRT")
    assert advised_s < srt_s + 0.3


def test_obs_takes_every_setting_that_is_advised(obs: ObsStudio, streaming: Streaming) -> None:
    advised = streaming.advice()["media_source_settings"]
    with media_source(obs, advised) as source:
        assert obs.call("GetInputSettings", inputName=source)["inputSettings"] == advised


def test_obs_shows_a_stylecam_that_was_killed_as_soon_as_it_is_back(obs: ObsStudio, streaming: Streaming) -> None:
    with media_source(obs, streaming.advice()["media_source_settings"]) as source:
        streaming.kill()
        wait_for("nothing in OBS", lambda: obs.picture(source, SMALL).mean() < 1)
        streaming.start()
        began_at = time.monotonic()
        wait_for("the picture in OBS", lambda: obs.picture(source, SMALL).mean() > 1)
        print(f"\nstylecam is back to visible in OBS: {time.monotonic() - began_at:.1f} s")


def test_the_fields_are_labelled_as_in_the_dialog_of_obs() -> None:
    if not DIALOG.exists():
        unavailable(f"OBS's file {DIALOG} is not there")
    labels = {line.partition("=")[2].strip().strip('"') for line in DIALOG.read_text("utf-8").splitlines()}
    assert not {field.label for field in media_source_fields("")} - labels


def test_the_browser_source_is_found_exactly_if_obs_has_one(obs: ObsStudio) -> None:
    assert has_browser_source() is (BROWSER_SOURCE in obs.call("GetInputKindList")["inputKinds"])
