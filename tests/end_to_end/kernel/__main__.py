"""`python -m tests.end_to_end.kernel`: every case on a real kernel, as a table of case × result × time."""

from __future__ import annotations

import sys
import time

import click

from tests.end_to_end.kernel import guest
from tests.end_to_end.kernel.cases import CASES


@click.command()
@click.option(
    "--case",
    "requested",
    multiple=True,
    type=click.Choice(
        [*CASES, *(f"{name}:{version}" for name, (_, versions) in CASES.items() for version in versions)]
    ),
    metavar="NAME[:VERSION]",
    help="Only this one; repeatable.",
)
@click.option("--list", "only_list", is_flag=True, help="List the cases.")
@click.option("--build", "only_build", is_flag=True, help="Build the guest if it is not in the cache, and stop.")
@click.option("--rebuild", is_flag=True, help="Build the guest again, even if it is in the cache.")
@click.option("--seconds", default=3600.0, show_default=True, help="Stop the guest after this long.")
def main(requested: tuple[str, ...], only_list: bool, only_build: bool, rebuild: bool, seconds: float) -> None:
    """Run stylecam in a guest with a real kernel, v4l2loopback and a camera; exit with 1 if a case fails."""
    if only_list:
        for name, (_, versions) in CASES.items():
            print(name, *versions)
        return
    obstacle = guest.obstacle()
    if obstacle:
        raise click.ClickException(obstacle)
    try:
        if rebuild or not guest.built():
            print(f"building the guest in {guest.FOLDER}", flush=True)
            guest.build()
        if only_build:
            return
        started_at, failed = time.monotonic(), 0
        for result in guest.play(list(requested), seconds):
            failed += not result.passed
            print(
                f"{'ok' if result.passed else 'FAILED':6} {result.case:38} {result.version:7} "
                f"{result.seconds:6.1f} s  {result.saw}",
                flush=True,
            )
    except guest.GuestError as error:
        raise click.ClickException(str(error)) from error
    print(f"{time.monotonic() - started_at:.0f} s with boot and installation")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
