"""`stylecam ctl`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stylecam.cli.ctl import QUERIES, _complete
from stylecam.cli.ctl import command as ctl
from stylecam.cli.group import run_command_line
from stylecam.control.actions import ACTIONS
from stylecam.control.http import local_socket
from stylecam.control.http.instances import socket_path
from stylecam.models.catalog import Catalog
from stylecam.utils.runtime_folder import make_runtime_folder
from tests.control.running_server import REPORT, RunningServerWithPresets

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def served(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    with RunningServerWithPresets(catalog).discoverable() as running:
        yield running


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("select great_wave", "great_wave, steadiness 0.8"),
        ("select style=great_wave", "great_wave, steadiness 0.8"),
        ("preset calm", "great_wave, strength 0.5, steadiness 0.8"),
        ("strength 0.5", "starry_night, strength 0.5, steadiness 0.8"),
        ("freeze on", "starry_night, steadiness 0.8, frozen"),
        ("freeze off", "starry_night, steadiness 0.8"),
        ("blend great_wave:1,the_scream:1", "great_wave:0.5,the_scream:0.5, steadiness 0.8"),
        ("state", "starry_night, steadiness 0.8"),
        ("snapshot", "/pictures/one.png"),
        ("camera demo", "demo"),
        (
            "size 1080p",
            "1920x1080 at 30 fps\nvirtual camera stays at 1280x720 while it is read, and gets the picture scaled",
        ),
        ("output pipewire on", "virtual, pipewire"),
    ],
)
@pytest.mark.usefixtures("served")
def test_an_action_is_carried_out_and_the_state_told(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["ctl", *line.split()]) == 0
    assert capsys.readouterr().out.strip() == told


@pytest.mark.usefixtures("served")
def test_the_state_can_be_had_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["ctl", "strength", "0.5", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["strength"], state["version"]) == (0.5, 1)
    assert run_command_line(["ctl", "--json", "state", "--stats"]) == 0
    assert json.loads(capsys.readouterr().out)["stats"] == REPORT
    assert run_command_line(["ctl", "--json", "snapshot"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"file": "/pictures/one.png"}


def test_the_link_of_the_page_can_be_had_again(
    served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str]
) -> None:
    link = served.server.link
    assert run_command_line(["ctl", "link"]) == 0
    assert capsys.readouterr().out.strip() == link
    assert run_command_line(["ctl", "link", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"link": link}


@pytest.mark.skipif(not local_socket.is_available(), reason="only the Unix socket is found without the file")
def test_a_run_that_has_not_noted_its_address_says_where_the_link_is(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunningServerWithPresets(catalog, socket_path(make_runtime_folder())):
        assert run_command_line(["ctl", "link"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"stylecam: process {os.getpid()} has not told its link yet; try again in a moment, or ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("pant", "there is no action 'pant'; did you mean paint"),
        ("select", "select needs style"),
        ("select grate_wave", "did you mean great_wave"),
        ("preset loud", "there is no preset 'loud'; there are calm, wild"),
        ("strength 2", "a number from 0 to 1"),
        ("strength -1", "a number from 0 to 1"),
        ("strength much", "a number from 0 to 1"),
        ("next now", "next takes no argument; leave out 'now'"),
        ("strength 0.5 0.6", "strength takes value; leave out '0.6'"),
        ("strength value=0.5 value=0.6", "leave out 'value=0.6'"),
        ("freeze maybe", "true or false"),
        ("record", "there is no room for a recording"),
        ("state now", "state takes no argument"),
        ("link now", "link takes no argument"),
        ("next --pid 1", "process 1 is no running stylecam"),
    ],
)
@pytest.mark.usefixtures("served")
def test_what_cannot_be_is_refused_in_one_line(line: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["ctl", *line.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_without_a_running_stylecam_it_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["ctl", "next"]) == 2
    assert "start one with `stylecam run`" in capsys.readouterr().err


def test_everything_that_can_be_done_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["ctl", "actions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ACTIONS)
    assert run_command_line(["ctl", "actions", "--json"]) == 0
    assert [action["name"] for action in json.loads(capsys.readouterr().out)] == list(ACTIONS)


@pytest.mark.parametrize("as_json", [True, False])
def test_watching_prints_every_change_until_the_end(catalog: Catalog, as_json: bool) -> None:
    with RunningServerWithPresets(catalog).discoverable() as served:
        code = (
            "import sys; from pathlib import Path; from stylecam.utils import runtime_folder;"
            f"runtime_folder._candidates = lambda: [Path({str(make_runtime_folder())!r})];"
            "from stylecam.cli.group import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
        )
        words = ["ctl", "watch", *(["--json"] if as_json else [])]
        watching = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert watching.stdout is not None
        first = watching.stdout.readline()
        assert run_command_line(["ctl", "select", "great_wave"]) == 0
        second = watching.stdout.readline()
        assert served.control.state.look.label == "great_wave"
    _, said = watching.communicate(timeout=20)
    assert watching.returncode == 0
    assert said == "stylecam has ended\n"
    if as_json:
        assert [json.loads(line)["state"]["style"] for line in (first, second)] == ["starry_night", "great_wave"]
    else:
        assert [first, second] == ["starry_night, steadiness 0.8\n", "great_wave, steadiness 0.8\n"]


def completed(*words: str, incomplete: str = "") -> list[str]:
    context = click.Context(ctl)
    context.params["words"] = words
    return [item.value for item in _complete(context, ctl.params[0], incomplete)]


def test_actions_complete_by_their_beginning() -> None:
    assert completed(incomplete="st") == ["strength", "stronger", "steadiness", "steadier", "styles_changed", "state"]
    assert set(completed()) == {*ACTIONS, *QUERIES}


@pytest.mark.usefixtures("served")
def test_arguments_complete_by_what_the_action_takes() -> None:
    assert completed("select", incomplete="gre") == ["great_wave"]
    assert completed("freeze") == ["on", "off"]
    assert completed("preset", incomplete="c") == ["calm"]
    assert completed("scale") == ["auto"]
    assert completed("next") == completed("next", "x") == completed("nonsense") == []


def test_without_a_running_stylecam_no_preset_completes() -> None:
    assert completed("preset") == []


def test_a_finger_waits_for_no_heavy_library() -> None:
    code = (
        "import sys; from stylecam.cli.group import run_command_line; run_command_line(['ctl', '--pid', '1', 'next']);"
        "print(*[name for name in ('cv2', 'numpy', 'aiohttp', 'rich', 'onnx', 'asyncio') if name in sys.modules])"
    )
    variables = {name: text for name, text in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert "process 1 is no running stylecam" in done.stderr
    assert done.stderr.count("\n") == 1
