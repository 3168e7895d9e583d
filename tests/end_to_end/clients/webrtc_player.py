"""Players of `/whep` and `/stream.mjpg` in a browser's page, which read the capture time out of the pixels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.end_to_end.outside import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SCRIPT = """
window.samples = [];
const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });

// The time that stylecam.media.timestamp has drawn into the picture, in seconds, or null.
function timeOf(source, width, height) {
  [canvas.width, canvas.height] = [width, height];
  context.drawImage(source, 0, 0);
  const rows = Math.max(4, height / 24), strip = context.getImageData(0, 0, width, Math.ceil(2 * rows)).data;
  const bits = Array.from({ length: 48 }, (_, i) => {
    const x = Math.round(((i % 24) + .5) * width / 24), y = Math.round((Math.floor(i / 24) + .5) * rows);
    return strip[4 * (y * width + x) + 1] > 125 ? 1 : 0;
  });
  const number = some => some.reduce((sum, bit) => 2 * sum + bit, 0), ticks = number(bits.slice(0, 40));
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += Math.floor(ticks / 256 ** i) % 256;
  return ((sum * 37 + 11) & 255) === number(bits.slice(40)) ? ticks / 10000 : null;
}

function sample(source, width, height) {
  const at = timeOf(source, width, height);
  samples.push([performance.now() / 1000, at]);
}

window.playVideo = async () => {
  const connection = window.connection = new RTCPeerConnection();
  connection.addTransceiver("video", { direction: "recvonly" });
  const video = Object.assign(document.createElement("video"), { muted: true, id: "video" });
  document.body.append(video);
  connection.ontrack = event => { video.srcObject = new MediaStream([event.track]); video.play(); };
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise(done => setTimeout(done, 10));
  const { request } = await import("/static/access.js");
  window.request = request;
  const answer = await request("/whep", {
    method: "POST", headers: { "Content-Type": "application/sdp" }, body: connection.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(await answer.text());
  window.place = answer.headers.get("Location");
  await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const look = () => { sample(video, video.videoWidth, video.videoHeight); video.requestVideoFrameCallback(look); };
  video.requestVideoFrameCallback(look);
};

window.playPictures = async () => {
  const { Stream } = await import("/static/stream.js");
  const shown = document.createElement("canvas");
  new Stream(shown, seen => sample(seen, seen.width, seen.height)).start();
};
"""


class Player:
    """A page of a running stylecam that plays the picture."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(_SCRIPT)

    def play(self, what: str) -> None:
        """Play the `Video` of `/whep`, or the `Pictures` of `/stream.mjpg`."""
        self.page.evaluate(f"play{what}()")

    def latencies_ms(self, count: int) -> list[float]:
        """Return the time from capture until the page has each of the next `count` pictures that it can read."""
        self.page.evaluate("samples.length = 0")
        read = "samples.filter(([, at]) => at !== null).length"  # the page allows no wait_for_function, which evaluates
        wait_for(f"{count} pictures", lambda: self.page.evaluate(read) >= count)
        offset = self._clock_offset_s()
        samples: list[tuple[float, float | None]] = self.page.evaluate("samples")
        return [(seen + offset - at) * 1000 for seen, at in samples if at is not None]

    def figures(self) -> dict[str, Any]:
        """Return what the browser says of the video that it receives."""
        return dict(
            self.page.evaluate(
                "connection.getStats().then(all => [...all.values()].find(one => one.type === 'inbound-rtp') ?? {})"
            )
        )

    def _clock_offset_s(self) -> float:
        """Return what must be added to the page's clock for this process's monotonic one, within a millisecond."""
        best = (float("inf"), 0.0)
        for _ in range(10):
            before = time.monotonic()
            there = float(self.page.evaluate("performance.now()")) / 1000
            after = time.monotonic()
            best = min(best, (after - before, (before + after) / 2 - there))
        return best[1]
