"""`stylecam styles improve`: train an own style further."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_own_style
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.cli.progress import ImprovementProgress, stopped_by_ctrl_c
from stylecam.cli.shared_options import FILE

if TYPE_CHECKING:
    from stylecam.training.events import Event

DEFAULT_MINUTES = 5.0


@click.command(
    "improve",
    epilog="""\b
Examples:
  stylecam styles improve harvest
      five minutes; stop at any time with Ctrl-C, what was learned is kept
  stylecam styles improve harvest --minutes 10 --photos ~/Pictures
      learn on your own photographs: best are some hundred of people, as the camera sees them
  stylecam styles improve harvest --json | jq .gain
      a line of JSON for each event: share, seconds_left, steps; gain; style or samples that were written""",
)
@click.argument("name", shell_complete=complete_own_style)
@click.option("--minutes", type=float, default=DEFAULT_MINUTES, show_default=True, help="How long to train.")
@click.option("--photos", **FILE, metavar="DIR", help="Folder with photographs to learn on.  [default: shipped ones]")
@click.option("--threads", type=click.IntRange(1, 256), help="Threads to train with.  [default: one per core]")
@click.option("--samples", **FILE, metavar="FILE.png", help="Draw photographs as they were painted before and are now.")
@shared.as_json
def command(
    name: str, minutes: float, photos: Path | None, threads: int | None, samples: Path | None, as_json: bool
) -> None:
    """Train one of your own styles, so that it paints more like its picture.

    It runs at the lowest priority. The style is written every twenty seconds if it has become better; a stylecam that
    paints with it goes over to it by itself. This needs PyTorch (200 MB to download); all else about styles does not.
    """
    from stylecam.models.own_style import find_own_style
    from stylecam.utils import paths

    file = find_own_style(paths.user_styles(), name)
    gain, stopped = improve(file, minutes, photos, threads, samples, json_report() if as_json else None)
    if not as_json:
        click.echo(f"{'stopped early' if stopped else 'done'}: {file.stem} {result_of(gain)}")


def improve(
    file: Path,
    minutes: float,
    photos: Path | None = None,
    threads: int | None = None,
    samples: Path | None = None,
    listener: Callable[[Event], None] | None = None,
) -> tuple[float, bool]:
    """Improve the style in `file`, and show it where nobody else listens.

    Returns:
        By which share it is nearer to its picture, and whether the user stopped it.
    """
    from stylecam.live.improving import check_installed, check_minutes
    from stylecam.utils import paths
    from stylecam.utils.resources import limit_threads, usable_cores, yield_to_other_programs

    check_minutes(minutes)
    check_installed()
    screen = ImprovementProgress()
    with says_what_is_kept(lambda: screen.kept):
        yield_to_other_programs()  # before PyTorch starts its threads
        screen.wait()
        import torch

        from stylecam.training.improve import Improver, improving_alone

        torch.set_num_threads(threads or usable_cores())
        limit_threads(1)
        with stopped_by_ctrl_c() as stop, improving_alone(paths.improving_file()):
            improver = Improver(file, minutes, photos=photos, sheet=samples, stop=stop, listener=listener or screen)
            with contextlib.nullcontext() if listener else screen:
                improver.run()
    return improver.gain, stop.is_set()


def result_of(gain: float) -> str:
    """Return what the training has brought."""
    return f"is {gain:.0%} nearer to its picture" if gain > 0 else "could not be made better, and is as it was"


def json_report() -> Callable[[Event], None]:
    """Return a listener that prints lines of JSON."""
    from stylecam.training.improve_worker import JsonReport

    return JsonReport(lambda line: click.echo(line, nl=False))
