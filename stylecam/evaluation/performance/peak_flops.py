"""Measure the highest rate of multiply-adds that a matrix product reaches here, as a limit for all engines."""

from __future__ import annotations

import os
import subprocess
import sys

from stylecam.utils.optional import is_installed

SECONDS = 0.6
"""Duration of each kernel's trial."""
TIMEOUT_S = 60.0
_SIDE = 1536
"""Side of the matrices: a product takes about 15 ms, so that the best of many is not disturbed by other programs."""
_KERNELS = (None, "SkylakeX")
"""OpenBLAS's kernels to try: its own choice, and those for AVX-512, because it does not know the newest processors.

On a processor without AVX-512, only the child process ends.
"""

_PROGRAM = """
import sys, time
side, seconds, threads, kind = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if kind == "bf16":
    import torch
    torch.set_num_threads(threads)
    a, b = (torch.rand(side, side).to(torch.bfloat16) for _ in range(2))
    out, matmul = torch.empty_like(a), torch.matmul
else:
    import numpy as np
    a, b = (np.random.default_rng(seed).random((side, side), np.float32) for seed in (0, 1))
    out, matmul = np.empty_like(a), np.matmul
matmul(a, b, out=out)
best, end = float("inf"), time.perf_counter() + seconds
while best == float("inf") or time.perf_counter() < end:
    begin = time.perf_counter()
    matmul(a, b, out=out)
    best = min(best, time.perf_counter() - begin)
print(side**3 / best / 1e9)
"""


def matmul_peak(threads: int, seconds: float = SECONDS) -> float | None:
    """Measure NumPy's float32 matrix product on `threads`, in billions of multiply-adds a second; None if it fails."""
    rates = [_run("f32", threads, seconds, kernel) for kernel in _KERNELS]
    return max((rate for rate in rates if rate is not None), default=None)


def bf16_peak(threads: int) -> float | None:
    """Measure PyTorch's bfloat16 matrix product in the same way; None if PyTorch is not installed."""
    return _run("bf16", threads, SECONDS, None) if is_installed("torch") else None


def _run(kind: str, threads: int, seconds: float, kernel: str | None) -> float | None:
    """Run the program in a process of its own, because a library's threads are set when it is loaded."""
    count = str(threads)
    variables = {**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    variables.pop("OPENBLAS_CORETYPE", None)
    if kernel is not None:
        variables["OPENBLAS_CORETYPE"] = kernel
    command = [sys.executable, "-c", _PROGRAM, str(_SIDE), str(seconds), count, kind]
    try:
        result = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        return float(result.stdout) if result.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
