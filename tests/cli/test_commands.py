"""The commands, their help, and where an option's value comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from stylecam.cli import cameras as cameras_module
from stylecam.cli import run as run_module
from stylecam.cli.completion import complete_camera, complete_device, complete_engine, complete_style, complete_tier
from stylecam.cli.group import run_command_line
from stylecam.cli.options import settings_of
from stylecam.cli.status import status_line, summary
from stylecam.live.report import EngineStatus, PipelineReport, SessionReport
from stylecam.live.stats import Stats
from stylecam.media.frame import Size
from stylecam.media.sources import devices
from stylecam.media.sources.devices import Camera
from stylecam.media.v4l2 import Mode
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Content
from tests.doubles import until
from tests.models.networks import bank_of

pytestmark = pytest.mark.usefixtures("own_settings")

SHORT = ("--camera", "demo", "--output", "null", "--seconds", "0.2", "--size", "128x96", "--no-hotkeys")
OPTIONS = [p for p in run_module.command.params if isinstance(p, click.Option)]


def help_of(*command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command_line([*command, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_every_option_is_explained(option: click.Option, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of("run", capsys=capsys)
    assert option.help
    assert all(name in text for name in option.opts)


def test_the_options_of_a_run_are_listed_under_headings(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of("run", capsys=capsys)
    headings = [line.rstrip(":") for line in text.splitlines() if line[:1].isalpha() and line.endswith(":")]
    assert headings == ["Camera", "Look", "Output", "Performance", "Control", "Other"]
    assert text.index("\nLook:") < text.index("--strength") < text.index("\nOutput:") < text.index("--fps")


@pytest.mark.parametrize(
    "command", ["run", "cameras", "doctor", "setup", "config", "styles", "train", "evaluate", "optimize"]
)
def test_every_command_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"  stylecam {command}" in help_of(command, capsys=capsys).split("Examples:")[1]


@pytest.mark.parametrize(
    "option",
    ["--camera", "--style", "--size", "--fps", "--output", "--engine", "--device", "--threads", "--strength",
     "--scale", "--mirror", "--hotkeys", "--hotkey", "--seconds", "--stats", "--json", "--verbose"],
)  # fmt: skip
def test_the_options_the_users_were_promised_are_there(option: str) -> None:
    names = [name for param in OPTIONS for name in (*param.opts, *param.secondary_opts)]
    assert option in names


@pytest.mark.parametrize(
    "line", [line for line in (run_module.command.epilog or "").splitlines() if "stylecam run" in line]
)
def test_every_example_in_the_help_can_be_parsed(line: str) -> None:
    import shlex

    words = shlex.split(line.split("   ")[0] if '"' not in line else line)[2:]
    words = words[: next((i for i, word in enumerate(words) if word in ("any", "no")), len(words))]
    run_module.command.make_context("run", words)


def test_plain_stylecam_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys=capsys)
    assert all(f"  {name} " in text for name in ("run", "cameras", "doctor", "setup", "styles", "train"))


@pytest.mark.parametrize("command", [["run"], []])
def test_a_run_without_a_subcommand_is_a_run(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*command, *SHORT, "--style", "none", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"]["name"] == "demo"


KEYS = {
    "published_fps", "styled_fps", "latency_ms", "gap_ms", "repeats", "drops", "rung", "size", "style", "engine",
    "device", "source", "outputs", "rss_mb", "seconds", "faults",
}  # fmt: skip


def test_the_statistics_hold_everything_promised(tmp_path: Path) -> None:
    assert run_command_line(["run", *SHORT, "--stats", str(tmp_path / "stats.json")]) == 0
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats.keys() >= KEYS
    assert stats["latency_ms"].keys() >= {"p50", "p95", "p99"}
    assert stats["gap_ms"].keys() >= {"p99", "max"}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["stats.json"]


def test_the_json_printed_is_the_final_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    run_command_line(["run", *SHORT, "--json", "--style", "the_scream"])
    stats = json.loads(capsys.readouterr().out)
    assert stats.keys() >= KEYS
    assert stats["style"] == "the_scream"
    assert stats["published"] > 0


def test_without_json_standard_output_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    run_command_line(["run", *SHORT, "--style", "none"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ended after " in captured.err


def test_shares_and_sizes_are_given_as_people_say_them(own_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_settings.write_text('[run]\nscale = "50%"\n')
    monkeypatch.setenv("STYLECAM_STEADINESS", "40%")
    settings = settings_of(run_module.command.make_context("run", ["--strength", "80%", "--size", "1080p"]))
    assert (settings.strength, settings.steadiness, settings.scale, settings.size) == (0.8, 0.4, 0.5, (1920, 1080))


def style_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command_line(["run", *SHORT, "--json", *arguments]) == 0
    return str(json.loads(capsys.readouterr().out)["style"])


def test_a_value_in_the_file_wins_over_the_default(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings.write_text('[run]\nstyle = "none"\n')
    assert style_of(capsys) == "none"


def test_a_variable_wins_over_the_file(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings.write_text('[run]\nstyle = "the_scream"\n')
    monkeypatch.setenv("STYLECAM_STYLE", "none")
    assert style_of(capsys) == "none"


def test_a_flag_wins_over_a_variable(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings.write_text('[run]\nstyle = "the_scream"\n')
    monkeypatch.setenv("STYLECAM_STYLE", "great_wave")
    assert style_of(capsys, "--style", "none") == "none"


def test_another_file_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text('[run]\nstyle = "none"\n')
    assert style_of(capsys, "--config", str(tmp_path / "mine.toml")) == "none"


def test_a_list_in_the_file_is_several_outputs(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(f'[run]\noutput = ["null", "file:{(tmp_path / "a.mp4").as_posix()}"]\nstyle = "none"\n')
    arguments = [word for word in SHORT if word not in ("--output", "null")]
    assert run_command_line(["run", *arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["outputs"]) == 2
    assert (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize("option", [p for p in OPTIONS if p.name not in ("config", "help")], ids=lambda p: p.opts[0])
def test_every_long_option_can_be_set_in_the_file_under_its_own_name(option: click.Option, own_settings: Path) -> None:
    name = next(opt for opt in option.opts if opt.startswith("--"))[2:].replace("-", "_")
    special = {
        "size": '"64x64"',
        "cpu": "50",
        "output": '["null"]',
        "hotkey": '["next=ctrl+a"]',
    }
    special |= {"engine": '"opencv"', "device": '"cpu"', "token": '"12345678"', "stream_bitrate": "1000"}
    special |= {"tier": '"lean"', "language": '"de"', "favorite": '["udnie"]'}
    special |= {"paint": '"room"', "room": '"blur"', "framing": '"close"'}
    value = special.get(name, "true" if option.is_flag else "1")
    own_settings.write_text(f"[run]\n{name} = {value}\n")
    context = run_module.command.make_context("run", [])
    assert context.params[option.name or ""] in (
        (
            True,
            1,
            "1",
            1.0,
            50.0,
            1000,
            "64x64",
            ("null",),
            ("next=ctrl+a",),
            Path("1"),
            "opencv",
            "cpu",
            "lean",
            "de",
            "room",
            "blur",
            "close",
            ("udnie",),
            "12345678",
        )
    )


def test_hotkeys_in_the_file_and_on_the_command_line_add_up(own_settings: Path) -> None:
    own_settings.write_text('[hotkeys]\nnext = "ctrl+alt+right"\nquit = ""\n')
    context = run_module.command.make_context("run", ["--hotkey", "next=ctrl+alt+up"])
    assert settings_of(context).bindings == {"next": "ctrl+alt+up", "quit": ""}


@pytest.mark.parametrize(
    ("words", "variable", "expected"),
    [
        ([], None, "ws://:secret@127.0.0.1:4456"),
        (["--obs"], None, "ws://:secret@127.0.0.1:4456"),
        (["--obs", "--style", "none"], None, "ws://:secret@127.0.0.1:4456"),
        (["--obs"], "ws://:other@pc", "ws://:other@pc"),
        (["--obs", "ws://pc"], "ws://:other@pc", "ws://pc"),
    ],
)
def test_the_flag_obs_without_an_address_takes_the_one_that_is_set_elsewhere(
    own_settings: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], variable: str | None, expected: str
) -> None:
    own_settings.write_text('[obs]\nurl = "ws://:secret@127.0.0.1:4456"\n')
    if variable is not None:
        monkeypatch.setenv("STYLECAM_OBS", variable)
    assert settings_of(run_module.command.make_context("run", words)).obs == expected


def test_the_flag_obs_alone_means_an_obs_on_this_computer() -> None:
    assert settings_of(run_module.command.make_context("run", ["--obs"])).obs == "ws://127.0.0.1:4455"


@pytest.fixture
def two_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = (Mode("MJPG", 1280, 720, 30.0), Mode("YUYV", 1280, 720, 10.0))
    found = [
        Camera(0, "HD Webcam", "/dev/video0", "usb-1", modes=modes),
        Camera(2, "stylecam", "/dev/video2", virtual=True),
    ]
    monkeypatch.setattr(devices, "list_cameras", lambda: found)


@pytest.mark.usefixtures("two_cameras")
def test_cameras_are_listed_with_their_best_rates_and_virtual_ones_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert run_command_line(["cameras"]) == 0
    real, virtual = capsys.readouterr().out.splitlines()[1:]
    assert "HD Webcam" in real
    assert "1280x720 MJPG 30 fps" in real
    assert "virtual" in virtual


@pytest.mark.usefixtures("two_cameras")
def test_cameras_can_be_had_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["cameras", "--json"]) == 0
    real, virtual = json.loads(capsys.readouterr().out)
    assert (real["name"], real["path"], virtual["virtual"]) == ("HD Webcam", "/dev/video0", True)
    assert real["modes"][0] == {"fourcc": "MJPG", "width": 1280, "height": 720, "fps": 30.0}


def test_without_a_camera_the_demo_is_pointed_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "list_cameras", list)
    assert run_command_line(["cameras"]) == 0
    assert "--camera demo" in capsys.readouterr().out


def test_only_the_three_largest_sizes_are_shown() -> None:
    modes = tuple(Mode("MJPG", 160 * i, 90 * i, 30.0) for i in range(1, 9))
    assert cameras_module._best_modes(modes).count("MJPG") == 3


def test_styles_are_listed_with_their_keys_and_painters(
    catalog: Catalog, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command_line(["styles"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == len(catalog.cards)
    assert lines[0].startswith("1")
    assert catalog.cards[0].artist in lines[0]


def test_styles_can_be_had_as_json(catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [style["full_name"] for style in listed] == [card.full_name for card in catalog.all_cards]


def test_a_broken_file_among_the_users_styles_is_named_and_the_rest_goes_on(
    own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_settings.parent / "styles" / "broken.onnx").write_bytes(b"")
    assert run_command_line(["styles"]) == 0
    captured = capsys.readouterr()
    assert "skipped" in captured.err
    assert "broken.onnx is empty" in captured.err
    assert "starry_night" in captured.out


def test_styles_complete_by_their_beginning() -> None:
    context = click.Context(run_module.command)
    found = [item.value for item in complete_style(context, OPTIONS[0], "gre")]
    assert found == ["great_wave"]


def test_no_style_at_all_completes_too() -> None:
    assert [item.value for item in complete_style(click.Context(run_module.command), OPTIONS[0], "no")] == ["none"]


def test_engines_and_the_devices_of_the_engine_that_was_named_complete_by_their_beginning() -> None:
    context = click.Context(run_module.command)
    assert [item.value for item in complete_engine(context, OPTIONS[0], "o")] == ["opencv", "onnxruntime", "openvino"]
    assert [item.value for item in complete_device(context, OPTIONS[0], "cuda")] == ["cuda", "cuda-fp16"]
    context.params["engine"] = "openvino"
    assert [item.value for item in complete_device(context, OPTIONS[0], "")] == ["auto", "cpu", "cpu-bf16", "gpu"]


def test_tiers_complete_by_their_beginning() -> None:
    assert [item.value for item in complete_tier(click.Context(run_module.command), OPTIONS[0], "")] == [
        "auto", "rich", "lean",
    ]  # fmt: skip


@pytest.mark.usefixtures("two_cameras")
def test_cameras_complete_by_their_path() -> None:
    found = [item.value for item in complete_camera(click.Context(run_module.command), OPTIONS[0], "/dev")]
    assert found == ["/dev/video0", "/dev/video2"]


@pytest.mark.parametrize("known", [True, False])
def test_an_unforeseen_failure_ends_in_one_line_and_another_status(
    known: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylecam.stylize.frame_stylizer import FrameStylizer

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(FrameStylizer, "stylize", broken)
    assert run_command_line(["run", *SHORT, *(["-v"] if known else [])]) == 1
    err = capsys.readouterr().err
    assert "stylecam: stopped by an unexpected ZeroDivisionError: a mistake of ours" in err
    assert ("Traceback" in err) is known


def test_a_signal_ends_the_run_cleanly(capsys: pytest.CaptureFixture[str]) -> None:
    import os
    import signal
    import threading

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        until(lambda: signal.getsignal(signal.SIGTERM) != before[0])
        until(lambda: any(thread.name == "stylecam-publish" for thread in threading.enumerate()))
        os.kill(os.getpid(), signal.SIGTERM)

    other = threading.Thread(target=interrupt)
    other.start()
    try:
        status = run_command_line(
            ["run", "--camera", "demo", "--output", "null", "--size", "128x96", "--no-hotkeys", "--style", "none"]
        )
    finally:
        other.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert status == 0
    assert "ended after " in capsys.readouterr().err


def status_report(state: dict[str, Any] | None = None, **pipeline: Any) -> SessionReport:
    """Return a report of a run with this state and whose pipeline has these figures, and otherwise nothing of note."""
    figures: dict[str, Any] = {
        "frames": Stats().snapshot(0.0), "painting": False, "publishing": Content.COVERED, "painting_trouble": None,
        "raw_refused": 0, "network_retries": 0, "detail": False, "stages": {}, "rung": None,
        "governor": None, "waiting_for": None, "beats": 0, "source_trouble": None, **pipeline,
    }  # fmt: skip
    return SessionReport(
        pipeline=PipelineReport(**figures),
        size=Size(1280, 720),
        fps=30.0,
        state={
            "style": "udnie", "strength": 1.0, "bypass": False, "frozen": False, "panic": False, "resting": False,
            "cycle_s": None, "recording": None, "tier": None, "paint": "everything", "room": "camera", **(state or {}),
        },
        engine=EngineStatus("opencv", "cpu", "5.0", None),
        tier_reason=None,
        cpu_percent=80.0,
        threads=4,
        source={"name": "demo"},
        outputs=(),
        usage={},
        notice=None,
        seconds=1.0,
        start_s=None,
        stylecam="1",
    )  # fmt: skip


@pytest.mark.parametrize(("words", "tier"), [([], "rich"), (["--tier", "rich"], "rich"), (["--tier", "lean"], "lean")])
def test_a_run_uses_the_rich_network_where_it_holds_the_rate(
    words: list[str], tier: str, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rich network of this test returns the picture as it is, which any machine does five times a second."""
    bank_of(own_settings.parent / "styles" / "large.onnx", ["great_wave"], "rich")
    assert run_command_line(["run", *SHORT, "--style", "great_wave", "--fps", "5", "-v", "--json", *words]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["tier"] == tier
    assert ("tier: rich, which takes " in printed.err) is not bool(words)
    assert (report["tier_reason"] is None) is bool(words)


def test_the_status_line_names_the_tier_with_verbose() -> None:
    report = status_report(state={"tier": "rich"})
    assert "opencv cpu rich" in status_line(report, verbose=True).plain
    assert "rich" not in status_line(report).plain


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"paint": "person"}, "only the person is painted"),
        ({"paint": "room"}, "only the room is painted"),
        ({"room": "blur:0.6"}, "room: blur"),
        ({"room": "style:starry_night"}, "room: starry_night"),
        ({"room": "picture:/home/me/beach.jpg"}, "room: picture"),
    ],
)
def test_the_status_line_says_who_is_painted_and_what_the_room_shows(state: dict[str, Any], words: str) -> None:
    assert f" udnie   {words}  0 pictures a second" in status_line(status_report(state)).plain


def test_the_status_line_and_the_last_line_have_plain_words_and_figures_only_with_verbose() -> None:
    report = status_report(viewers=("zoom",))
    assert status_line(report).plain == " udnie   0 pictures a second  seen by zoom"
    assert status_line(report, verbose=True).plain.startswith(status_line(report).plain + "  painted ")
    assert summary(report) == "ended after 1 s, 0 pictures a second"
    assert "latency p50" in summary(report, verbose=True)


def test_the_status_line_says_that_the_camera_waits_for_a_viewer() -> None:
    line = status_line(status_report(waiting_for="waiting for a viewer")).plain.strip()
    assert line == "udnie   waiting for a viewer: the camera is off"


def test_the_status_line_says_that_the_painting_has_stopped() -> None:
    line = status_line(status_report(painting_trouble="the painting has stopped: no memory")).plain
    assert line.startswith(" udnie   the painting has stopped: no memory")


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"recording": "/videos/a.mp4"}, " ● REC  udnie "),
        ({"panic": True}, " PANIC  udnie "),
        ({"resting": True}, " CAMERA OFF  udnie "),
        ({"recording": "/videos/a.mp4", "panic": True}, " ● REC  PANIC  udnie "),
        ({"cycle_s": 30.0}, " udnie   changes every 30 s"),
    ],
)
def test_the_status_line_shows_recording_panic_camera_off_and_changing_styles(
    state: dict[str, Any], shown: str
) -> None:
    assert status_line(status_report(state)).plain.startswith(shown)


def test_the_status_line_shows_who_watches() -> None:
    assert "seen by zoom, a web page" in status_line(status_report(viewers=("zoom", "a web page"))).plain
