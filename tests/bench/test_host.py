"""What was measured on."""

from __future__ import annotations

import platform
from importlib.metadata import version

import stylecam
from stylecam.bench.host import Host
from stylecam.processor import usable_cores


def test_machine_and_versions_are_told() -> None:
    host = Host.here()
    assert host.cores == usable_cores()
    assert host.packages["numpy"] == version("numpy")
    assert host.memory_gb > 0
    assert host.as_dict()["python"] == platform.python_version()
    for said in (stylecam.__version__, version("numpy"), f"{host.cores} core"):
        assert said in str(host)
