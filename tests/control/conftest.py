"""A running server for the tests of the HTTP modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stylecam.models.catalog import Catalog
from tests.control.running_server import RunningServer


@pytest.fixture
def running_server(catalog: Catalog) -> Iterator[RunningServer]:
    """Run a server with the shipped styles for the test."""
    with RunningServer(catalog) as running_server:
        yield running_server
