"""Says what is kept when Ctrl-C ends a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from stylecam.cli.streams import print_error


@contextmanager
def says_what_is_kept(kept: Callable[[], str]) -> Iterator[None]:
    """Print `stopped: KEPT` on standard error if Ctrl-C, or an Abort, ends the block.

    Args:
        kept: returns what is kept at that moment, or that nothing is.

    Raises:
        Abort: in place of KeyboardInterrupt; the command line ends with status 130.
    """
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as error:
        print_error(f"stopped: {kept()}")
        raise click.Abort from error
