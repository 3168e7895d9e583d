"""Where training computes, and in which precision."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import torch

from stylecam.errors import StylecamError, TrainingFailedError, UsageError

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h


def pick_device(name: str, local: int = 0) -> str:
    """The device meant: `auto` takes cuda, then mps, then cpu; of several cards, the one numbered `local`.

    Raises:
        UsageError: unknown, or not on this machine.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there.get(name.partition(":")[0], False):
        usable = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise UsageError(f"--device {name}: this PyTorch on this machine has {usable}")
    chosen = f"cuda:{local}" if name == "cuda" else name
    try:
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # no such number
        raise UsageError(f"--device {name}: {str(error).splitlines()[0]}") from error
    return chosen


def pick_bfloat16(device: torch.device, wanted: bool | None) -> bool:
    """Whether the perceptual network computes in bfloat16; unless told, where the processor does it fast."""
    if wanted is not None:
        return wanted
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch has no public question for it
    return device.type == "cpu" and fast is not None and bool(fast())


def means_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, of the machine or of its graphics card."""
    text = str(error).lower()
    # torch's ways on graphics cards, Linux and Windows, cuBLAS's and cuDNN's, and OpenCV's
    told = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "insufficient memory")
    return isinstance(error, MemoryError) or any(words in text for words in told)


def keep_memory() -> None:
    """Let glibc keep the large blocks that a step frees, instead of asking the system for them again.

    The page faults of fresh blocks were a fifth of a step's time. Elsewhere than on glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if set_option is not None:
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 * 2**20)):
            set_option(option, value)


@contextmanager
def naming_memory(advice: Callable[[], str]) -> Iterator[None]:
    """Make any library's way of saying that memory ran out an error of ours, followed by what lowers the need.

    Raises:
        TrainingFailedError: there was not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError, cv2.error) as error:
        if isinstance(error, StylecamError) or not means_memory(error):
            raise
        raise TrainingFailedError(f"out of memory; {advice()}") from error
