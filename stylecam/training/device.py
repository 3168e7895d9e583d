"""Where training computes, in which precision, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import torch

from stylecam.errors import StylecamError, TrainingFailedError, UsageError
from stylecam.utils.message import Message


def pick_device(name: str, local_rank: int = 0) -> str:
    """Return the PyTorch device for `name`: `auto` takes cuda, then mps, then cpu; `cuda` the card `local_rank`.

    Raises:
        UsageError: the device is unknown, or not on this machine.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name.partition(":")[0], False):
        usable = ", ".join(kind for kind, is_available in available.items() if is_available)
        raise UsageError(f"--device {name}: this PyTorch on this machine has {usable}")
    chosen = f"cuda:{local_rank}" if name == "cuda" else name
    try:
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # no card of that number
        raise UsageError(f"--device {name}: {str(error).splitlines()[0]}") from error
    return chosen


def pick_bfloat16(device: torch.device, requested: bool | None) -> bool:
    """Return whether VGG-16 computes in bfloat16: as requested, or else where the device does it fast."""
    if requested is not None:
        return requested
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    is_fast = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch has no public function for it
    return device.type == "cpu" and is_fast is not None and bool(is_fast())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` says that the memory of the machine or of its graphics card ran out."""
    text = str(error).lower()
    # the messages of torch on graphics cards, Linux and Windows, of cuBLAS and cuDNN, and of OpenCV
    messages = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "insufficient memory")
    return isinstance(error, MemoryError) or any(message in text for message in messages)


@contextmanager
def out_of_memory_as_error(advice: Callable[[], str]) -> Iterator[None]:
    """Turn any library's out-of-memory error into one of ours, followed by `advice()` on what needs less.

    Raises:
        TrainingFailedError: there was not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError, cv2.error) as error:
        if isinstance(error, StylecamError) or not is_out_of_memory(error):
            raise
        raise TrainingFailedError(Message("out of memory; {advice}", advice=advice())) from error
