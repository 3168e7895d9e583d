"""The inputs with which OBS shows stylecam's picture, and whether an OBS has them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from stylecam.control.obs import ObsAddress
from stylecam.errors import ObsUnavailableError
from stylecam.utils.optional import load

BROWSER_SOURCE = "browser_source"
"""The input kind of a Browser source. Packages of some Linux distributions lack it."""
MEDIA_SOURCE = "ffmpeg_source"
"""The input kind of a Media Source."""
TIMEOUT_S = 2.0


FFMPEG_OPTIONS = "framerate=60 reconnect_on_network_error=1 reconnect_delay_max=2"
"""Options for the stream's pictures, and for connecting.

The stream has no time stamps that FFmpeg reads, so OBS would show 25 of its 30 pictures per second, and be later by
each picture that waits. Told that there are 60 per second, it shows each as soon as it comes. The other two keep an
attempt to connect from failing at once while stylecam is away: OBS 29 gives up for good when one fails before OBS has
noted that it began, which happens on a busy computer.
"""


@dataclass(frozen=True, slots=True)
class DialogField:
    """One field of the dialog in which OBS asks for the properties of an input.

    Attributes:
        label: its label in OBS's dialog, in English.
        key: its name in obs-websocket.
        value: what to set; True and False are a check box.
    """

    label: str
    key: str
    value: str | int | bool

    @property
    def text(self) -> str:
        """The value for people."""
        if isinstance(self.value, bool):
            return "on" if self.value else "off"
        units = {"buffering_mb": " MB", "reconnect_delay_sec": " s"}
        return f"{self.value}{units.get(self.key, '')}"


def media_source_fields(url: str) -> tuple[DialogField, ...]:
    """Return all fields of a Media Source, in the dialog's order, with the values that showed stylecam soonest.

    Args:
        url: the address of `/stream.mjpg`, with the token.
    """
    return (
        DialogField("Local File", "is_local_file", False),
        DialogField("Restart playback when source becomes active", "restart_on_activate", False),
        DialogField("Network Buffering", "buffering_mb", 0),
        DialogField("Input", "input", url),
        DialogField("Input Format", "input_format", "mjpeg"),
        DialogField("Reconnect Delay", "reconnect_delay_sec", 1),
        DialogField("Use hardware decoding when available", "hw_decode", False),
        DialogField("Show nothing when playback ends", "clear_on_media_end", True),
        DialogField("Close file when inactive", "close_when_inactive", False),
        DialogField("YUV Color Range", "color_range", "Auto"),
        DialogField("Apply alpha in linear space", "linear_alpha", False),
        DialogField("Seekable", "seekable", False),
        DialogField("FFmpeg Options", "ffmpeg_options", FFMPEG_OPTIONS),
    )


def obs_settings(fields: tuple[DialogField, ...]) -> dict[str, Any]:
    """Return the fields as obs-websocket takes them, for CreateInput; a choice that stays as it is is left out."""
    return {field.key: field.value for field in fields if field.key != "color_range"}


def input_kinds(address: ObsAddress) -> frozenset[str]:
    """Ask the OBS at `address` which kinds of inputs it has.

    Raises:
        ObsUnavailableError: it does not answer, or the library for obs-websocket is not installed.
    """
    library: Any = load("simpleobsws", purpose="asking OBS", extra="obs", error=ObsUnavailableError)
    try:
        return asyncio.run(asyncio.wait_for(_ask(library, address), TIMEOUT_S))
    except Exception as error:  # the library has errors of its own for whatever else may listen there
        raise ObsUnavailableError(f"OBS at {address.url} does not answer; is it running?") from error


async def _ask(library: Any, address: ObsAddress) -> frozenset[str]:
    parameters = library.IdentificationParameters(eventSubscriptions=0)
    client = library.WebSocketClient(address.url, address.password, parameters)
    await client.connect()
    try:
        await client.wait_until_identified(TIMEOUT_S)
        if not client.is_identified():
            raise ConnectionError("refused")
        answer = await client.call(library.Request("GetInputKindList"), TIMEOUT_S)
        return frozenset(answer.responseData["inputKinds"]) if answer.ok() else frozenset()
    finally:
        with contextlib.suppress(Exception):  # whatever the library raises for a connection that OBS has ended
            await client.disconnect()
