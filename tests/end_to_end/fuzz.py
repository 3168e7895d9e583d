"""Feed damaged files to stylecam through the entry points that users have, and count what goes wrong.

    python -m tests.end_to_end.fuzz --count 20000 --seed 1

File number N of a seed is always the same, so `--first N --count 1` shows one again. Each kind has its own parent
process, which stands for stylecam: what it must survive are the files. Networks are tried in stylecam's sandbox; its
child is forked from the parent instead of started, which is a hundred times faster, except for every `--real`-th one.
A canary file and a canary port, which some of the files name, show whether anything but the file itself is opened.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from tests.models.importers.mutation import mutate

KINDS = ("onnx", "onnx-import", "t7", "pth", "image", "playlist")
HANG_S = 200.0
"""The parent must answer within this time; the sandbox ends earlier by itself."""
_IN_OPEN_OR_READ = 0x20 | 0x01
_SUFFIXES = {"onnx": ".onnx", "onnx-import": ".onnx", "t7": ".t7", "pth": ".pth"}
_NUMBERS = (0, 1, -1, 127, 128, 255, 256, 0x7FFF, 0xFFFF, 2**24, 2**31 - 1, -(2**31), 2**32 - 1)


@dataclass
class Figures:
    """What one run has counted. Memory is in MB beyond what the process had before its first file."""

    files: int = 0
    accepted: int = 0
    refused: int = 0
    unexpected: list[str] = field(default_factory=list)
    parent_crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    sandbox_runs: int = 0
    sandbox_failures: Counter[str] = field(default_factory=Counter)
    opened_outside: list[str] = field(default_factory=list)
    parent_mb: int = 0
    sandbox_mb: int = 0
    slowest_s: float = 0.0
    slowest: str = ""

    def add(self, name: str, answer: dict[str, Any]) -> None:
        """Count the answer about one file."""
        self.files += 1
        self.accepted += answer["outcome"] == "accepted"
        self.refused += answer["outcome"] == "refused"
        if answer["outcome"] == "unexpected":
            self.unexpected.append(f"{name}: {answer['message']}")
        self.sandbox_runs += answer["sandbox_runs"]
        self.sandbox_failures.update(answer["sandbox_failures"])
        self.opened_outside += [f"{name}: {what}" for what in answer["outside"]]
        self.parent_mb = max(self.parent_mb, answer["parent_mb"])
        self.sandbox_mb = max(self.sandbox_mb, answer["sandbox_mb"])
        if answer["seconds"] > self.slowest_s:
            self.slowest_s, self.slowest = answer["seconds"], name


def fuzz(kind: str, seed: int, first: int, count: int, real: int = 200) -> Figures:
    """Feed `count` files of one kind to parents, which are replaced when they crash, and return the figures."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name, contextlib.ExitStack() as running:
        parent: subprocess.Popen[str] | None = None
        for number in range(first, first + count):
            if parent is None or parent.poll() is not None:
                parent = running.enter_context(_parent(kind, seed, real, Path(name)))
            answer = _ask(parent, number)
            if isinstance(answer, str):
                figures.files += 1
                (figures.hangs if answer == "hangs" else figures.parent_crashes).append(f"{kind} {number}: {answer}")
                parent.kill()
                parent.wait()
            else:
                figures.add(f"{kind} {number}", answer)
    return figures


@contextlib.contextmanager
def _parent(kind: str, seed: int, real: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.end_to_end.fuzz", "--parent", kind, str(seed), str(real), str(folder)]
    variables = os.environ | {"OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8", "OMP_NUM_THREADS": "1"}
    with (
        (folder / "stderr").open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _ask(parent: subprocess.Popen[str], number: int) -> dict[str, Any] | str:
    """Have `parent` read file `number`; return its answer, or how it ended."""
    assert parent.stdin is not None
    assert parent.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        print(number, file=parent.stdin, flush=True)
    if not select.select([parent.stdout], [], [], HANG_S)[0]:
        return "hangs"
    line = parent.stdout.readline()
    if line:
        return cast("dict[str, Any]", json.loads(line))
    status = parent.wait()
    return f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with status {status}"


class Outside:
    """A file and a port that nothing may open, and the list of what was opened."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "canary"
        self.file.write_bytes(b"nobody may read this" * 1000)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK)
        self._libc.inotify_add_watch(self._watch, os.fsencode(self.file), _IN_OPEN_OR_READ)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def opened(self) -> list[str]:
        """Return what was opened since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError):
            found.append(f"the canary file ({len(os.read(self._watch, 65536))} bytes of events)")
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            connection.close()
            found.append("the canary port")
        return found


class Parent:
    """Stands for stylecam: reads each file as a command would, in this process."""

    def __init__(self, kind: str, seed: int, real: int, folder: Path) -> None:
        import cv2

        from stylecam.utils import sandbox

        cv2.setNumThreads(1)  # a forked child has none of this process's threads
        self._kind, self._seed, self._real, self._folder = kind, seed, real, folder
        self._outside = Outside(folder)
        self._seeds = seed_files(kind, self._outside, folder)
        self._read = READERS[kind]
        self._runs = 0
        self._started = sandbox.run
        sandbox.run = self._run_sandbox
        self._sandbox: dict[str, Any] = {}
        self._outside.opened()
        if kind not in ("image", "playlist"):
            _load_libraries()
        self._base_mb = _peak_mb(resource.RUSAGE_SELF)

    def answer(self, number: int) -> dict[str, Any]:
        """Read file `number`."""
        from stylecam.errors import StylecamError

        rng = random.Random(f"{self._kind} {self._seed} {number}")
        name, data = rng.choice(self._seeds)
        if rng.random() > 0.02:
            data = damage(data, rng, [other for _, other in self._seeds])
        path = self._folder / f"file{_SUFFIXES.get(self._kind) or rng.choice([Path(name).suffix, '', '.mp4', '.png'])}"
        path.write_bytes(data)
        self._sandbox = {"sandbox_runs": 0, "sandbox_failures": [], "sandbox_mb": 0}
        began, outcome, message = time.monotonic(), "accepted", ""
        try:
            self._read(path)
        except StylecamError as error:
            outcome, message = "refused", str(error)
            if "\n" in message:
                outcome = "unexpected"
        except Exception as error:  # noqa: BLE001 - it is counted
            outcome, message = "unexpected", f"{type(error).__name__}: {error}"
        return {
            "outcome": outcome, "message": message[:300], "seconds": round(time.monotonic() - began, 3),
            "parent_mb": _peak_mb(resource.RUSAGE_SELF) - self._base_mb, "outside": self._outside.opened(),
            **self._sandbox,
        }  # fmt: skip

    def _run_sandbox(self, function: str, argument: str, limits: Any) -> str | None:
        """Replaces `stylecam.utils.sandbox.run`."""
        self._runs += 1
        self._sandbox["sandbox_runs"] += 1
        if self._runs % self._real == 0:
            failure = self._started(function, argument, limits)
        else:
            failure, peak_mb = _run_forked(function, argument, limits)
            self._sandbox["sandbox_mb"] = max(self._sandbox["sandbox_mb"], peak_mb)
        if failure is not None:
            self._sandbox["sandbox_failures"].append(failure.partition(":")[0][:60])
        return failure


def _run_forked(function: str, argument: str, limits: Any) -> tuple[str | None, int]:
    """Call `module:function` in a fork of this process within `limits`; return its failure and the MB it took."""
    from stylecam.utils import sandbox

    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_RDWR), 1)
                os.dup2(errors.fileno(), 2)
                sandbox.child_main(function, argument, str(limits.memory))
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - its last line is the reason, as in a Python of its own
                os.write(2, f"{type(error).__name__}: {error}".encode(errors="replace"))
                os._exit(1)
        base = _resident_mb(child)
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            slow, big = time.monotonic() - began > limits.seconds, _resident_mb(child) - base > limits.memory >> 20
            if slow or big:
                os.kill(child, signal.SIGKILL)
                usage = os.wait4(child, 0)[2]
                return "took longer" if slow else "needed more memory", (usage.ru_maxrss >> 10) - base
            time.sleep(0.004)
        peak_mb = (usage.ru_maxrss >> 10) - base
        if status == 0:
            return None, peak_mb
        if os.WIFSIGNALED(status):
            return f"crashed ({signal.Signals(os.WTERMSIG(status)).name})", peak_mb
        errors.seek(0)
        return sandbox._failure(1, errors.read(1000).decode("utf-8", "replace").replace("\n", " "), limits), peak_mb


def _resident_mb(process: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize() >> 20
    return 0


def _peak_mb(who: int) -> int:
    return resource.getrusage(who).ru_maxrss >> 10


def _load_libraries() -> None:
    """Load what the sandbox's children use, so that a fork has it already."""
    import onnx  # noqa: F401

    from stylecam.engines.factory import installed, make_engine
    from stylecam.stylize import import_check, style_file  # noqa: F401

    with contextlib.suppress(ImportError):  # only networks of PyTorch need it
        import torch

        torch.set_num_threads(1)
    for name in installed():
        with contextlib.suppress(Exception):
            make_engine(name, "cpu")


def damage(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Return `data` damaged in one of several ways."""
    way = rng.randrange(9)
    if way == 0 and len(data) > 16:
        return data[: rng.randrange(1, len(data))]
    if way == 1:  # the beginning of one file and the end of another
        other = rng.choice(others)
        return data[: rng.randrange(1, len(data) + 1)] + other[rng.randrange(len(other)) :]
    if way == 2:  # large and small numbers near the beginning, where headers are
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(min(len(data), 300))
            size, order = rng.choice([1, 2, 4]), rng.choice("<>")
            number = rng.choice(_NUMBERS) & (256**size - 1)
            changed[at : at + size] = struct.pack(f"{order}{ {1: 'B', 2: 'H', 4: 'I'}[size] }", number)
        return bytes(changed)
    if way >= 6:  # single bytes, so that most lengths stay right
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            changed[rng.randrange(len(changed))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        return bytes(changed)
    if len(data) <= 16:
        return data + rng.randbytes(rng.randrange(1, 40))
    for _ in range(rng.choice([1, 1, 2, 8])):
        data = mutate(data, rng) if len(data) > 16 else data
    return data


def read_style(path: Path) -> None:
    """Paint a picture, as `stylecam image --style FILE` does."""
    import numpy as np

    from stylecam.errors import UsageError
    from stylecam.models.catalog import Catalog
    from stylecam.stylize.image import Stylist
    from stylecam.stylize.style_file import resolve_style

    mix = resolve_style(str(path), Catalog())
    if mix is None:
        raise UsageError("no style")
    Stylist(mix, engine="opencv")(np.full((48, 64, 3), 99, np.uint8))


def read_foreign(path: Path) -> None:
    """Import a network, as `stylecam styles add` does."""
    from stylecam.models.importers.base import ImportOptions
    from stylecam.stylize.import_check import import_and_check

    import_and_check(path, ImportOptions())


def read_picture(path: Path) -> None:
    """Read a picture as `stylecam image` and as `stylecam run --camera` do."""
    from stylecam.errors import StylecamError
    from stylecam.media.image_file import ImageFile

    failure: StylecamError | None = None
    try:
        ImageFile.read(path).encode(io.BytesIO())
    except StylecamError as error:
        failure = error
    read_camera(path)
    if failure is not None:
        raise failure


def read_camera(path: Path) -> None:
    """Show a file, as `stylecam run --camera FILE` does."""
    from stylecam.media.frame import Size
    from stylecam.media.sources.factory import make_source
    from stylecam.utils.clock import ManualClock

    source = make_source(str(path), ManualClock())
    try:
        source.open(Size(128, 96), 30.0)
        source.read()
    finally:
        source.close()


READERS: dict[str, Callable[[Path], None]] = {
    "onnx": read_style, "onnx-import": read_foreign, "t7": read_foreign, "pth": read_foreign, "image": read_picture,
    "playlist": read_camera,
}  # fmt: skip


def seed_files(kind: str, outside: Outside, folder: Path) -> list[tuple[str, bytes]]:
    """Return intact files of a kind, by name; some name the canaries."""
    return {
        "onnx": _styles, "onnx-import": _foreign_networks, "t7": _torch7_files, "pth": _pytorch_files,
        "image": _pictures, "playlist": _playlists,
    }[kind](outside, folder)  # fmt: skip


def _styles(outside: Outside, folder: Path) -> list[tuple[str, bytes]]:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from stylecam.models.catalog import shipped_models
    from tests.models.networks import network, write_network

    def convolution(name: str, shape: tuple[int, ...], inputs: tuple[str, str], **attributes: Any) -> tuple[Any, Any]:
        values = np.random.default_rng(1).normal(0, 0.2, shape).astype(np.float32)
        node = helper.make_node("Conv", [inputs[0], f"{name}.w"], [inputs[1]], **attributes)
        return node, numpy_helper.from_array(values, f"{name}.w")

    first, first_weight = convolution("a", (8, 3, 3, 3), ("image", "x"), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    last, last_weight = convolution("b", (3, 8, 1, 1), ("y", "styled"), kernel_shape=[1, 1])
    norm = helper.make_node("InstanceNormalization", ["x", "scale", "bias"], ["y"])
    ones = [numpy_helper.from_array(np.full(8, value, np.float32), name) for name, value in (("scale", 1), ("bias", 0))]
    place = folder / "seed.onnx"
    seeds = [write_network(place, [first, norm, last], [first_weight, last_weight, *ones]).read_bytes()]
    seeds.append(network(place).read_bytes())
    external = TensorProto(name="a.w", data_type=1, dims=[8, 3, 3, 3], data_location=TensorProto.EXTERNAL)
    external.external_data.add(key="location", value=str(outside.file))
    seeds.append(write_network(place, [first, norm, last], [external, last_weight, *ones]).read_bytes())
    smallest = min(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size)
    return [(place.name, data) for data in [*seeds, *seeds, smallest.read_bytes()]]


def _foreign_networks(outside: Outside, folder: Path) -> list[tuple[str, bytes]]:
    from tests.models.importers.onnx_files import model_zoo_network, nhwc_tanh_network, sigmoid_network

    external = model_zoo_network()
    external.weights[0].data_location = 1
    external.weights[0].external_data.add(key="location", value=str(outside.file))
    networks = (model_zoo_network(), sigmoid_network(), nhwc_tanh_network(), external)
    return [("seed.onnx", network.encode()) for network in networks]


def _torch7_files(_: Outside, folder: Path) -> list[tuple[str, bytes]]:
    import numpy as np

    from tests.models.importers.torch7_files import LayerFactory, checkpoint, eccv16, encode_torch7, instance_norm

    make = LayerFactory(np.random.default_rng(1))
    networks = (eccv16(make, 2, 1), checkpoint(instance_norm(make, 2, 1)))
    return [("seed.t7", encode_torch7(network)) for network in networks]


def _pytorch_files(_: Outside, folder: Path) -> list[tuple[str, bytes]]:
    from tests.models.importers.test_pytorch import torch_bytes, weights

    return [("seed.pth", torch_bytes(weights(1), legacy)) for legacy in (False, True)]


def _pictures(_: Outside, folder: Path) -> list[tuple[str, bytes]]:
    import cv2
    import numpy as np
    from PIL import Image as Pillow

    pixels = np.random.default_rng(1).integers(0, 256, (40, 56, 3), np.uint8)
    picture = Pillow.fromarray(cv2.GaussianBlur(pixels, (0, 0), 3))
    found = []
    for name, kind, options in (
        ("a.png", "PNG", {}), ("a.jpg", "JPEG", {}), ("b.jpg", "JPEG", {"progressive": True}), ("a.webp", "WEBP", {}),
        ("a.gif", "GIF", {"save_all": True, "append_images": [picture.rotate(90)]}), ("a.bmp", "BMP", {}),
        ("a.tif", "TIFF", {"compression": "tiff_lzw"}), ("b.tif", "TIFF", {"compression": "jpeg"}),
        ("a.ppm", "PPM", {}), ("a.tga", "TGA", {}), ("a.jp2", "JPEG2000", {}),
        ("b.webp", "WEBP", {"save_all": True, "append_images": [picture.rotate(90)]}),
    ):  # fmt: skip
        file = io.BytesIO()
        picture.save(file, kind, **options)
        found.append((name, file.getvalue()))
    deep = pixels.astype(np.uint16) * 257
    for suffix in (".tif", ".png", ".pam", ".jp2"):
        with contextlib.suppress(cv2.error):
            found.append((f"deep{suffix}", cv2.imencode(suffix, deep if suffix != ".pam" else pixels)[1].tobytes()))
    return found


def _playlists(outside: Outside, folder: Path) -> list[tuple[str, bytes]]:
    import cv2
    import numpy as np

    address, file = f"http://127.0.0.1:{outside.port}/a.ts", outside.file
    texts = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{file}\n#EXT-X-ENDLIST\n",
        "b.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{address}\n",
        "c.m3u8": f"#EXTM3U\n#EXTINF:10,\nfile://{folder}/file.m3u8\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile '{file}'\nfile '{address}'\n",
        "a.sdp": f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video {outside.port} RTP/AVP 96\r\n",
        "a.mpd": f"<?xml version='1.0'?><MPD><Period><BaseURL>{address}</BaseURL></Period></MPD>",
        "a.pls": f"[playlist]\nFile1={address}\n",
    }
    found = [(name, text.encode()) for name, text in texts.items()]
    for suffix, codec in ((".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v")):
        path = folder / f"seed{suffix}"
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
        for level in range(5):
            writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
        writer.release()
        found.append((path.name, path.read_bytes()))
    return found


def serve(requests: IO[str], kind: str, seed: str, real: str, folder: str) -> None:
    """Answer the numbers of files, one a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    parent = Parent(kind, int(seed), int(real), Path(folder))
    for line in requests:
        print(json.dumps(parent.answer(int(line))), file=answers, flush=True)


def main() -> int:
    """Run from the command line; the exit status is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000, help="files, shared out to the kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first file of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--real", type=int, default=200, help="every which sandbox is a process that is started")
    parser.add_argument("--parent", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.parent:
        serve(sys.stdin, *arguments.parent)
        return 0
    kinds, wrong = arguments.kinds.split(","), 0
    for kind in kinds:
        figures = fuzz(kind, arguments.seed, arguments.first, max(1, arguments.count // len(kinds)), arguments.real)
        print(json.dumps({"kind": kind, **vars(figures)}), flush=True)
        wrong += len(figures.parent_crashes + figures.unexpected + figures.hangs + figures.opened_outside)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
