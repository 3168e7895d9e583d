"""`stylecam token`: the token that the page's links carry."""

from __future__ import annotations

import click


@click.command(
    "token",
    epilog="""\b
Examples:
  stylecam token          where the token is kept
  stylecam token --new    make a new one; links from before open nothing after the next start""",
)
@click.option("--new", is_flag=True, help="Make a new token, for instance because somebody has seen a link.")
def command(new: bool) -> None:
    """Say where the token of the page's links is kept, or make a new one.

    The token keeps others out: whoever has a link with it can watch and control stylecam. It stays the same from start
    to start, so that bookmarks, phones and OBS go on working. --token and the configuration file win over it.
    """
    from stylecam.control.http.token import renew_token
    from stylecam.utils import paths

    path = paths.token_file()
    if new:
        renew_token(path)
        click.echo(f"a new token is in {path}; links from before open nothing once stylecam is started again")
    else:
        click.echo(str(path))
