"""A running server for the tests of its rooms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stylecam.models.catalog import Catalogue
from tests.control.house import House


@pytest.fixture
def house(catalogue: Catalogue) -> Iterator[House]:
    with House(catalogue) as house:
        yield house
