"""`python -m tests.end_to_end.clients [PYTEST ARGUMENTS]`: stylecam with every real program that is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["STYLECAM_CLIENTS"] = "1"
    # -s: the tests print what they measured
    sys.exit(pytest.main([str(Path(__file__).parent), "-q", "-rs", "-s", "--durations=10", *sys.argv[1:]]))
