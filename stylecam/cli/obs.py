"""`stylecam obs`: print how OBS shows the running stylecam."""

from __future__ import annotations

from typing import Any

import click

from stylecam.cli import shared_options as shared


@click.command(
    "obs",
    epilog="""\b
Examples:
  stylecam obs                  what to set in OBS
  stylecam obs --json
\b
For a style per scene: stylecam run --obs, and a table [scenes] in the configuration file (stylecam config edit).""",
)
@shared.as_json
@shared.pid
def command(as_json: bool, pid: int | None) -> None:
    """Print how OBS shows the running stylecam without a virtual camera, best first, with every field of its dialog."""
    from stylecam.control.http import client
    from stylecam.control.obs_inputs import media_source_fields, obs_settings

    instance = client.find_instance(pid)
    with client.Client(instance) as running:
        stats = running.state(stats=True).get("stats") or {}
    width, height = stats.get("size", (1280, 720))
    stream = f"{instance.url}stream.mjpg?token={instance.token}"
    fields = media_source_fields(stream)
    sources: dict[str, Any] = {
        "media_source": stream,
        "media_source_settings": obs_settings(fields),
        "browser_source": f"{instance.url}picture?token={instance.token}",
        "has_browser_source": _has_browser_source(),
        "width": width,
        "height": height,
        "fps": stats.get("fps", 30.0),
    }
    if as_json:
        shared.print_json(sources)
        return
    label_width = max(len(field.label) for field in fields)
    lines = [f"  {field.label:{label_width}}  {field.text}" for field in fields]
    click.echo("\n".join(["In OBS: Sources > + > Media Source", *lines, "", *_browser_source(sources), "", *_TOKEN]))


_TOKEN = [
    "The token keeps others out and stays the same until you run stylecam token --new. To keep the port as well, set",
    "listen under [server] in the configuration file: stylecam config edit",
]


def _browser_source(sources: dict[str, Any]) -> list[str]:
    """Return the lines about a Browser source: how to set it up, or that this OBS has none."""
    if sources["has_browser_source"] is False:
        return ["The OBS of this computer has no Browser source; its package lacks the plugin obs-browser."]
    condition = "" if sources["has_browser_source"] else ", if your OBS has it"
    return [
        f"Or: Sources > + > Browser{condition}",
        f"  URL      {sources['browser_source']}",
        f"  Width    {sources['width']}",
        f"  Height   {sources['height']}",
        "  Leave the rest as it is. Only the picture is shown; the area around it is transparent.",
    ]


def _has_browser_source() -> bool | None:
    """Ask the OBS of the configuration file, or look for an installed one; None if there is neither."""
    from stylecam.control.obs import ObsAddress
    from stylecam.control.obs_inputs import BROWSER_SOURCE, input_kinds
    from stylecam.errors import ObsUnavailableError
    from stylecam.live.config.file import load
    from stylecam.live.settings import Settings
    from stylecam.system import obs_studio
    from stylecam.utils import paths
    from stylecam.utils.options import options_of

    configured = load(paths.config_file(), options_of(Settings)).run.get("obs")
    if configured is not None:
        try:
            return BROWSER_SOURCE in input_kinds(ObsAddress.parse(str(configured)))
        except ObsUnavailableError:  # it is not running: look at its files
            pass
    return obs_studio.has_browser_source()
