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

    improve(find_own_style(paths.user_styles(), name), minutes, photos, threads, samples, as_json)


def improve(
    file: Path, minutes: float, photos: Path | None, threads: int | None, samples: Path | None, as_json: bool
) -> None:
    """Improve the style in `file`, and show it; see `command`."""
    from stylecam.live.improving import check_installed
    from stylecam.utils import paths
    from stylecam.utils.resources import limit_threads, usable_cores, yield_to_other_programs

    check_installed()
    screen = ImprovementProgress()
    with says_what_is_kept(lambda: screen.kept):
        yield_to_other_programs()  # before PyTorch starts its threads
        if not as_json:
            screen.wait()
        import torch

        from stylecam.training.improve import Improver, improving_alone

        torch.set_num_threads(threads or usable_cores())
        limit_threads(1)
        with stopped_by_ctrl_c() as stop, improving_alone(paths.improving_file()):
            improver = Improver(
                file, minutes, photos=photos, sheet=samples, stop=stop, listener=_json_report() if as_json else screen
            )
            with contextlib.nullcontext() if as_json else screen:
                improver.run()
    if not as_json:
        state = "stopped early" if stop.is_set() else "done"
        click.echo(f"{state}: {improver.name}, {improver.steps} steps; {_result(improver.gain)}")


def _result(gain: float) -> str:
    return f"it is {gain:.0%} nearer to its picture" if gain > 0 else "it is not better, and was left as it was"


def _json_report() -> Callable[[Event], None]:
    """Return a listener that prints lines of JSON."""
    from stylecam.training.improve_worker import JsonReport

    return JsonReport(lambda line: click.echo(line, nl=False))
