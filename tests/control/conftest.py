"""A running server for the tests of its rooms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stylecam.models.catalog import Catalog
from tests.control.house import House


@pytest.fixture
def house(catalog: Catalog) -> Iterator[House]:
    with House(catalog) as house:
        yield house
