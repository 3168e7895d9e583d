"""The most multiply-adds a second this processor's matrix multiplication reaches: the limit all engines live under."""

from __future__ import annotations

import os
import subprocess
import sys

from stylecam.utils.optional import is_installed

SECONDS = 0.6
"""For each kernel tried."""
PATIENCE_S = 60.0
_SIDE = 1536
"""A product takes some 15 ms then: short enough that the best of many met no other program."""
_KERNELS = (None, "SkylakeX")
"""OpenBLAS picks its kernels by the processor's name, and knows the newest ones late: so AVX-512's are tried too.

Where the processor cannot run them, that process ends, and nothing else.
"""

_F32 = """
import sys, time
import numpy as np
side, seconds = int(sys.argv[1]), float(sys.argv[2])
a, b = (np.random.default_rng(seed).random((side, side), np.float32) for seed in (0, 1))
out, best = np.empty_like(a), float("inf")
np.matmul(a, b, out=out)
end = time.perf_counter() + seconds
while best == float("inf") or time.perf_counter() < end:
    begin = time.perf_counter()
    np.matmul(a, b, out=out)
    best = min(best, time.perf_counter() - begin)
print(side**3 / best / 1e9)
"""
_BF16 = """
import sys, time
import torch

from stylecam.utils.optional import is_installed
side, seconds = int(sys.argv[1]), float(sys.argv[2])
torch.set_num_threads(int(sys.argv[3]))
a, b = (torch.rand(side, side).to(torch.bfloat16) for _ in range(2))
out, best = torch.empty_like(a), float("inf")
torch.matmul(a, b, out=out)
end = time.perf_counter() + seconds
while best == float("inf") or time.perf_counter() < end:
    begin = time.perf_counter()
    torch.matmul(a, b, out=out)
    best = min(best, time.perf_counter() - begin)
print(side**3 / best / 1e9)
"""


def matmul_peak(threads: int, seconds: float = SECONDS) -> float | None:
    """Billions of float32 multiply-adds a second in numpy's matrix product on `threads`; None where it does not run."""
    found = [_run(_F32, threads, seconds, kernel) for kernel in _KERNELS]
    return max((rate for rate in found if rate is not None), default=None)


def bf16_peak(threads: int, seconds: float = SECONDS) -> float | None:
    """The same for bfloat16, in PyTorch's product; None where that is not installed."""
    return _run(_BF16, threads, seconds, None) if is_installed("torch") else None


def _run(program: str, threads: int, seconds: float, kernel: str | None) -> float | None:
    """In a process of its own: how many threads are used is settled when the library is loaded."""
    count = str(threads)
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    variables.pop("OPENBLAS_CORETYPE", None)
    if kernel is not None:
        variables["OPENBLAS_CORETYPE"] = kernel
    command = [sys.executable, "-c", program, str(_SIDE), str(seconds), count]
    try:
        ran = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
        )
        return float(ran.stdout) if ran.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
