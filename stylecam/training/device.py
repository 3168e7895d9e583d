"""Where training computes, and in which precision."""

from __future__ import annotations

import torch

from stylecam.errors import UsageError


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
    return f"cuda:{local}" if name == "cuda" else name


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
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
