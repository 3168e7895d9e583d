"""`stylecam obs`: print the addresses under which OBS shows the running stylecam."""

from __future__ import annotations

import click

from stylecam.cli import shared_options as shared


@click.command(
    "obs",
    epilog="""\b
Examples:
  stylecam obs                  addresses to paste into OBS
  stylecam obs --json
\b
For a style per scene: stylecam run --obs, and a table [scenes] in the configuration file (stylecam config edit).""",
)
@shared.as_json
@shared.pid
def command(as_json: bool, pid: int | None) -> None:
    """Print the addresses under which OBS shows the running stylecam, without a virtual camera."""
    from stylecam.control.http import client

    instance = client.find_instance(pid)
    with client.Client(instance) as running:
        stats = running.state(stats=True).get("stats") or {}
    width, height = stats.get("size", (1280, 720))
    sources = {
        "browser_source": f"{instance.url}picture?token={instance.token}",
        "media_source": f"{instance.url}stream.mjpg?token={instance.token}",
        "width": width,
        "height": height,
        "fps": stats.get("fps", 30.0),
    }
    if as_json:
        shared.print_json(sources)
        return
    click.echo(f"""\
In OBS: Sources > + > Browser
  URL      {sources["browser_source"]}
  Width    {width}
  Height   {height}
  Leave the rest as it is. Only the picture is shown; the area around it is transparent.

Or: Sources > + > Media Source, without "Local File"
  Input         {sources["media_source"]}
  Input Format  mjpeg

The token keeps others out and changes at every start. To keep these addresses valid, set token and listen under
[server] in the configuration file: stylecam config edit""")
