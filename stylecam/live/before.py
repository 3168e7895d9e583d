"""The unpainted camera picture, for the comparison on the page of this computer; it is never published."""

from __future__ import annotations

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.live.pipeline import Pipeline
from stylecam.media.frame import Size
from stylecam.media.sinks.mjpeg import encode_jpeg
from stylecam.stylize.look import Content
from stylecam.stylize.postprocess.chain import FrameView

WIDTH = 960
"""The most pixels in a row: enough to compare, and quickly encoded."""
FRESH_S = 2.0
"""An older camera picture is not shown: the camera sleeps, or it hangs."""


def unpainted_jpeg(pipeline: Pipeline, control: CommandQueue, now: float) -> bytes | None:
    """Return the newest camera picture, cropped and mirrored as the published one, as a JPEG.

    None unless a painting is what others are to see, before and after the encoding: not during a panic, a freeze or
    with the camera off, not while the room is hidden, and not without a camera picture of the last seconds. Any thread
    may call it.

    Args:
        pipeline: has the camera pictures, and the published one.
        control: has the state.
        now: seconds on the session's clock.
    """
    state, frame = control.state, pipeline.newest
    if not _is_allowed(state) or frame is None or now - frame.captured_at > FRESH_S:
        return None
    height, width = pipeline.publisher.shown.frame.image.shape[:2]
    share = min(1.0, WIDTH / width)
    view = FrameView(frame.image, Size(width, height), state.look.mirror, pipeline.region)
    jpeg = encode_jpeg(view.at(Size(round(width * share), round(height * share))))
    return jpeg if _is_allowed(control.state) else None


def _is_allowed(state: LiveState) -> bool:
    return state.requested_content is Content.PAINTED and not state.look.hides_room
