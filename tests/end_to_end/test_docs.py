"""What the README and the pages of docs/ tell people to type is typed here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from stylecam.cli.ctl import QUERIES, command_from_words
from stylecam.cli.declared import declared_options
from stylecam.cli.group import group
from stylecam.cli.options import check_each
from stylecam.cli.run import command as run_command
from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import bind
from stylecam.live.config import file as config
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.utils.optional import is_installed
from tests.end_to_end.command_server import CommandServer
from tests.end_to_end.conftest import unavailable
from tests.end_to_end.outside import environment

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
}
"""Every page by its path."""
ALL = "\n".join(PAGES.values())
LACKING = (
    "no camera matches",
    "no virtual camera can be opened",
    "no preview window",
    "no PipeWire camera can be made",
    "SRT needs the library libsrt",
    "there is no terminal to ask on",
    "cannot load drivers",
    "drivers belong to the surrounding system",
    "does not know how",
    "no stylecam is running",
    "systemd is not here",
    "stylecam is no service yet",
)
"""Refusals that are right on a machine without camera, driver, display, libsrt, loadable drivers, a person to ask, a
running stylecam, systemd or service."""


API_PAGE = PAGES["docs/api.md"]


def blocks(language: str, page: str = ALL) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def run_python(code: str, folder: Path) -> None:
    """Run `code` in `folder` with a home of its own; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**environment(folder), "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr


def typed() -> list[str]:
    """Every `stylecam …` of the pages, in their blocks of shell commands and within their text."""
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    inline = [named(words) for words in re.findall(r"`(stylecam [^`\n]+)`", ALL)]
    return sorted({line for line in [*lines, *inline] if line.startswith("stylecam ")})


def named(words: str) -> str:
    """Ask for the help of a command that a text only names, without what it needs to run."""
    command: click.Command = group
    context = click.Context(group)
    for word in words.split()[1:]:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            return words
        command = found
    needy = isinstance(command, click.Group) and not command.invoke_without_command
    return f"{words} --help" if needy or any(one.required for one in command.params) else words


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    """Runs commands without loading stylecam for each."""
    server = CommandServer({**environment(tmp_path_factory.mktemp("home")), "PYTHONPATH": str(ROOT)})
    yield server
    server.close()


def material(tmp_path: Path) -> None:
    """The files that the README speaks of."""
    clip = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    for level in range(10):
        clip.write(np.full((240, 320, 3), level * 24, np.uint8))
    clip.release()
    (tmp_path / "films" / "deep").mkdir(parents=True)
    for name in ("films/clip.mp4", "films/deep/clip.mp4"):
        shutil.copy(tmp_path / "clip.mp4", tmp_path / name)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg"):
        cv2.imwrite(str(tmp_path / name), np.full((96, 128, 3), 128, np.uint8))
    cv2.imwrite(str(tmp_path / "harvest.jpg"), np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands run in forks of one process")
@pytest.mark.parametrize("line", typed())
def test_every_command_of_the_pages_does_what_it_says(line: str, server: CommandServer, tmp_path: Path) -> None:
    material(tmp_path)
    line, _, target = line.partition(" > ")
    line, _, source = line.partition(" < ")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    words = shlex.split(line.replace(":9000", f":{9000 + int(worker)}"))[1:]  # workers cannot listen at one port
    if words[0].startswith("-") and words[0] != "--help":
        words.insert(0, "run")
    if words[:1] == ["run"] and "--help" not in words:
        words += ["--seconds", "1", "--no-hotkeys"]
    if words[0] == "bench" and "--help" not in words:
        words += ["--seconds", "0.5", "--size", "320x184", "--engine", "opencv"]
    home = environment(tmp_path)
    home |= {"PYTHONPATH": str(ROOT), "EDITOR": "true", "VISUAL": ""}
    if words[:2] == ["run", "--style"] and words[2].startswith("harvest"):  # learned by the command before it
        (tmp_path / "before").mkdir()
        learned = server.run(["styles", "learn", "../harvest.jpg"], tmp_path / "before", home, b"")
        assert learned.returncode == 0, learned.stderr
    ended = server.run(words, tmp_path, home, (tmp_path / source).read_bytes() if source else b"")
    complaint = ended.stderr.decode()
    refused = ended.returncode == 2 and any(text in complaint for text in LACKING)
    for extra in ("video", "obs"):
        if f"stylecam[{extra}]" in complaint:
            unavailable(f"what stylecam[{extra}] needs is not installed")
    found_faults = words[0] == "doctor" and ended.returncode == 1 and not complaint
    assert ended.returncode == 0 or refused or found_faults, complaint
    if target:
        assert cv2.imdecode(np.frombuffer(ended.stdout, np.uint8), cv2.IMREAD_COLOR) is not None


def test_the_python_of_the_page_on_pictures_paints(tmp_path: Path) -> None:
    material(tmp_path)
    (example,) = blocks("python", PAGES["docs/pictures.md"])
    run_python(example, tmp_path)
    assert cv2.imread(str(tmp_path / "painted.png")) is not None


@pytest.mark.parametrize("number", [n for n, code in enumerate(blocks("python", API_PAGE)) if "train(" not in code])
def test_the_python_in_the_api_page_runs(number: int, tmp_path: Path) -> None:
    material(tmp_path)
    run_python(blocks("python", API_PAGE)[number], tmp_path)


def test_the_training_in_the_api_page_runs(tmp_path: Path) -> None:
    for needed in ("torch", "onnx"):
        pytest.importorskip(needed, reason=f'training needs {needed}: pip install "stylecam[train]"')
    from tests.training import fixtures

    (example,) = [code for code in blocks("python", API_PAGE) if "train(" in code]
    fixtures.random_picture(tmp_path / "harvest.jpg")
    fixtures.photo_folder(tmp_path / "Pictures", 1)
    fixtures.small_vgg(tmp_path / "vgg16.npz")
    quick = "steps=1, crop=64, device='cpu', vgg=Path('vgg16.npz')"
    run_python("from pathlib import Path\n" + example.replace("minutes=15", quick), tmp_path)
    assert (tmp_path / "harvest.onnx").is_file()


def test_the_questions_of_the_architecture_page_have_answers_that_exist() -> None:
    page = PAGES["docs/architecture.md"]
    named = set(
        re.findall(r"`((?:stylecam|cli|control|engines|live|media|models|stylize|training|utils)/[\w/]+\.py)`", page)
    )
    assert named
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / "stylecam" / name).exists()]
    assert not missing


def said_by(words: list[str], folder: Path) -> str:
    """What `stylecam …` prints, run in `folder` as in a home of its own; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**environment(folder), "HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_optimising_of_the_pages_paints(tmp_path: Path) -> None:
    for needed in ("torch", "onnx"):
        pytest.importorskip(needed, reason=f'optimizing needs {needed}: pip install "stylecam[train]"')
    from tests.training import fixtures

    (line,) = [line for block in blocks("text") for line in block.splitlines() if line.startswith("stylecam optimize")]
    for number, name in enumerate(("me.jpg", "harvest.jpg")):
        fixtures.random_picture(tmp_path / name, number)
    quick = ["--vgg", str(fixtures.small_vgg(tmp_path / "vgg16.npz")), "--iterations", "2", "--max-size", "64"]
    said_by([*shlex.split(line), *quick, "--device", "cpu"], tmp_path)
    assert cv2.imread(str(tmp_path / "painted.png")) is not None


def test_the_cluster_of_the_pages_paints_clips_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_installed("ray"):
        pytest.skip('needs Ray: pip install "stylecam[cluster]"')
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())  # the names of its sockets must be short
    material(tmp_path)
    lines = [line.split("  #")[0] for line in "\n".join(blocks("text")).splitlines() if " --on ray" in line]
    assert [line.partition("://")[2].strip() for line in lines] == ["", "192.168.1.10:10001"]
    told = said_by([*shlex.split(lines[0]), "--engine", "opencv"], tmp_path)
    assert told.startswith("painted 2 clips with ")
    said_by([*shlex.split(lines[0].replace("video films", "image photos")), "--engine", "opencv"], tmp_path)
    assert {path.name for path in (tmp_path / "painted").iterdir()} == {"clip.mp4", "deep", "one.jpg"}


def test_the_training_of_the_pages_makes_the_style_that_it_goes_on_to_name(tmp_path: Path) -> None:
    for needed in ("torch", "onnx"):
        pytest.importorskip(needed, reason=f'training needs {needed}: pip install "stylecam[train]"')
    from tests.training import fixtures

    block = next(block.splitlines() for block in blocks("text") if block.startswith("stylecam train"))
    fixtures.random_picture(tmp_path / "harvest.jpg")
    fixtures.photo_folder(tmp_path / "Pictures", 1)
    quick = [
        "--vgg",
        str(fixtures.small_vgg(tmp_path / "vgg16.npz")),
        "--steps",
        "1",
        "--crop",
        "64",
        "--device",
        "cpu",
    ]
    for words in ([*shlex.split(block[0]), *quick], ["stylecam", "styles", "--json"]):
        told = said_by(words, tmp_path)
    assert shlex.split(block[1])[-1] in {card["name"] for card in json.loads(told)}


def test_the_evaluating_of_the_pages_measures(tmp_path: Path) -> None:
    for needed in ("torch", "onnx"):
        pytest.importorskip(needed, reason=f'evaluating needs {needed}: pip install "stylecam[train]"')
    from tests.models.networks import network
    from tests.training import fixtures

    (line,) = [line for block in blocks("text") for line in block.splitlines() if line.startswith("stylecam evaluate")]
    for name in ("Paintings", "Clips"):
        (tmp_path / name).mkdir()
    network(tmp_path / "harvest.onnx")
    fixtures.photo_folder(tmp_path / "Kept", 1)
    fixtures.random_picture(tmp_path / "Paintings" / "bruegel_harvest_1565.png", 9)
    clip = cv2.VideoWriter(str(tmp_path / "Clips" / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 180))
    for level in range(24):
        clip.write(np.full((180, 320, 3), level * 8, np.uint8))
    clip.release()
    quick = ["--vgg", str(fixtures.small_vgg(tmp_path / "vgg16.npz")), "--iterations", "1"]
    told = said_by([*shlex.split(line), *quick, "--device", "cpu"], tmp_path)
    assert "harvest" in told
    assert cv2.imread(str(tmp_path / "looks.png")) is not None


def test_the_configuration_of_the_pages_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    path = tmp_path / "config.toml"
    path.write_text(example, "utf-8")
    loaded = config.load(path, declared_options(run_command))
    assert loaded.run["style"] == "great_wave"
    assert bind(loaded.hotkeys)
    check_each(loaded, click.Context(run_command))
    loaded.check_styles(Catalog.load([shipped_models()]).parse)


@pytest.mark.parametrize("words", sorted(set(re.findall(r"stylecam ctl ([a-z]+(?: [a-z_]+| [0-9.]+)?)", ALL))))
def test_every_order_of_the_pages_is_one(words: str) -> None:
    name, *arguments = words.split()
    assert name in QUERIES or command_from_words(name, arguments)


def test_the_addresses_that_act_are_orders() -> None:
    found = re.findall(r"/api/do/([a-z_]+)\?([^`&]+)&token=", ALL)
    assert found
    assert all(Command.from_text(name, dict([query.split("=")])) for name, query in found)


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1200


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md", "models/README.md", *PAGES])
def test_every_link_into_the_repository_leads_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#([\w-]+))?\)", (ROOT / name).read_text("utf-8"))
    for target, heading in [found for found in targets if "://" not in found[0]]:
        path = (ROOT / name).parent / target
        assert path.exists(), target
        headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE) if heading else []
        assert heading in ["", *(re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings)], target


def test_the_two_commands_for_strangers_are_one_line_each() -> None:
    for marker in ("run", "test"):
        (block,) = re.findall(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)
        assert len(block.strip().splitlines()) == 1


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m (benchmarks\.\w+)", ALL))))
def test_the_benchmarks_of_the_pages_start(name: str) -> None:
    if name == "benchmarks.pictures":
        pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
    shown = subprocess.run([sys.executable, "-m", name, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
