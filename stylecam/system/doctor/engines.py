"""What paints: OpenCV and the other engines, the devices they really run networks on, and the processor."""

from __future__ import annotations

from collections.abc import Iterator

from stylecam.engines.names import PACKAGES, TITLES, title
from stylecam.errors import EngineUnavailableError, ProbeError, StylecamError
from stylecam.system.distribution import distribution
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.trials import OPENCV_PACKAGES, PICTURE, OpenCV, Trials
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step

TOPIC = Topic("Painting")
SLOW_MS = 100.0
"""A 640×360 picture that takes longer leaves only the coarsest sizes at 30 a second."""
OLDEST = (4, 10)
BUSY = 1.5
"""Programs that want to run, for each processor."""
_LIBRARIES = {
    "debian": ("apt-get", "install", "-y", "libgl1", "libglib2.0-0"),
    "fedora": ("dnf", "install", "-y", "mesa-libGL", "glib2"),
    "arch": ("pacman", "-S", "--needed", "--noconfirm", "libglvnd", "glib2"),
}


def check(machine: Machine, trials: Trials) -> Iterator[Finding]:
    """The library, a network on each of its devices, then what slows a processor down."""
    try:
        opencv = trials.opencv()
    except ImportError as error:
        yield _unloadable(machine, trials, error)
        return
    yield _version(trials, opencv)
    yield from _twice(trials)
    if opencv.windows.upper() == "NONE":
        install = Step("install the one with windows", (trials.python, "-m", "pip", "install", "opencv-python<5"))
        remove = Step(
            "remove the one without", (trials.python, "-m", "pip", "uninstall", "-y", "opencv-python-headless")
        )
        words = "for the preview window (--output window):"
        yield TOPIC.warning("windows", "this OpenCV cannot open any", words, remove, install)
    for device in sorted(opencv.devices, key=lambda name: name != "cpu"):
        yield from TOPIC.careful(device, _runs(trials, device))
    for engine in PACKAGES:
        yield from TOPIC.careful(TITLES[engine], _extra(trials, engine))
    yield from TOPIC.careful("graphics card", _idle_card(machine, opencv))
    yield from TOPIC.careful("processor", _processor(machine, opencv))
    if machine.platform == "linux":
        yield from TOPIC.careful("power", _power(machine))
        yield from TOPIC.careful("load", _load(machine))


def _unloadable(machine: Machine, trials: Trials, error: ImportError) -> Finding:
    said = " ".join(str(error).split())[:200]
    again = Step("install OpenCV again", (*_pip(trials), "--force-reinstall", "opencv-python<5"))
    if ".so" not in said or machine.platform != "linux":
        return TOPIC.fault("OpenCV", f"cannot be loaded: {said}", "install it again:", again)
    try:
        command = _LIBRARIES.get(distribution(machine).family)
    except ProbeError:
        command = None
    words = "install the libraries that it draws windows with:" if command else "install the library it names"
    steps = [Step("install libraries", command, True)] if command else []
    return TOPIC.fault("OpenCV", f"cannot be loaded: {said}", words, *steps)


def _pip(trials: Trials) -> tuple[str, ...]:
    return (trials.python, "-m", "pip", "install")


def _version(trials: Trials, opencv: OpenCV) -> Finding:
    numbers = tuple(int(part) for part in opencv.version.split(".")[:2] if part.isdecimal())
    install = Step("install OpenCV 4", (*_pip(trials), "opencv-python>=4.10,<5"))
    if not numbers:
        return TOPIC.unchecked("OpenCV", f"its version is called {opencv.version!r}")
    if numbers < OLDEST:
        return TOPIC.fault(
            "OpenCV", f"{opencv.version} is too old; stylecam needs 4.10", "install a newer one:", install
        )
    if numbers >= (5,):
        found = f"{opencv.version} works; 4.x paints 10 to 20 % faster on a processor"
        return TOPIC.warning("OpenCV", found, "install OpenCV 4:", install)
    return TOPIC.ok("OpenCV", opencv.version)


def _twice(trials: Trials) -> Iterator[Finding]:
    """Packages of OpenCV write over each other's files."""
    versions = trials.versions()
    there = [name for name in OPENCV_PACKAGES if versions.get(name)]
    if len(there) > 1:
        yield TOPIC.fault(
            "OpenCV",
            f"installed {len(there)} times, which breaks it: {', '.join(there)}",
            "remove all, then install one:",
            Step("remove all", (trials.python, "-m", "pip", "uninstall", "-y", *there)),
            Step("install one", (*_pip(trials), "opencv-python<5")),
        )


def _extra(trials: Trials, engine: str) -> Iterator[Finding]:
    """An engine that may be installed and need not be."""
    name, there = TITLES[engine], trials.versions()
    again = Step(f"install {name}", (*_pip(trials), "--upgrade", "--force-reinstall", f"stylecam[{engine}]"))
    if not any(there.get(package) for package in PACKAGES[engine]):
        yield TOPIC.ok(name, f'not installed; it may paint finer in the same time: pip install "stylecam[{engine}]"')
        return
    try:
        devices = trials.devices(engine)
    except EngineUnavailableError as error:
        yield TOPIC.fault(name, str(error).partition("; ")[0], "install it again:", again)
        return
    for device in sorted(devices, key=lambda name: name != "cpu"):
        yield from TOPIC.careful(title(engine, device), _runs(trials, device, engine))


def _runs(trials: Trials, device: str, engine: str = "opencv") -> Iterator[Finding]:
    subject = device if engine == "opencv" else title(engine, device)
    try:
        run = trials.network(device, engine)
    except ProbeError:
        raise
    except StylecamError as error:
        if engine != "opencv":
            other = "stylecam run --engine auto passes it over; --engine opencv does without"
        elif device != "cpu":
            other = "stylecam run --device cpu does without"
        else:
            other = "install stylecam and OpenCV again"
        yield TOPIC.fault(subject, f"no network runs there: {error}", other)
        return
    if run.device != device:
        yield TOPIC.fault(subject, f"asked for, and {run.device} ran instead", "use --device cpu, and report this")
        return
    size = f"{PICTURE[0]}×{PICTURE[1]}"
    found = f"{run.engine} ran a network on it: {run.milliseconds:.0f} ms for {size}"
    if run.milliseconds > SLOW_MS and (engine, device) == ("opencv", "cpu"):
        words = "stylecam paints coarsely to keep the rate; close other programs, or use --fps 15"
        yield TOPIC.warning(subject, found, words)
    else:
        yield TOPIC.ok(subject, found)


def _idle_card(machine: Machine, opencv: OpenCV) -> Iterator[Finding]:
    if "cuda" in opencv.devices or machine.program("nvidia-smi") is None:
        return
    done = machine.run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    names = done.out.strip().splitlines()
    if done.status != 0 or not names:
        raise ProbeError("nvidia-smi is installed and finds no graphics card")
    yield TOPIC.warning(
        "graphics card",
        f"{names[0].strip()[:60]} is not used: this OpenCV was built without CUDA",
        "the processor paints instead; to use the card, install an OpenCV built with CUDA (those on PyPI are not)",
    )


def _processor(machine: Machine, opencv: OpenCV) -> Iterator[Finding]:
    allowed = _allowed(machine)
    cores = machine.cores
    features = [name for name in ("AVX2", "AVX512-SKX", "NEON", "NEON_DOTPROD") if name in opencv.features]
    found = f"{cores} threads, OpenCV uses {opencv.threads}" + (f"; {', '.join(features)}" if features else "")
    if allowed is not None and allowed < cores:
        words = "give the container more processors (docker, podman: --cpus)"
        yield TOPIC.warning("processor", f"{found}; this container may use {allowed:g} of them", words)
    elif opencv.threads < min(2, cores):
        yield TOPIC.warning("processor", found, "unset OMP_NUM_THREADS, and start stylecam without --threads")
    elif any(name.startswith("SSE") for name in opencv.features) and "AVX2" not in opencv.features:
        yield TOPIC.warning("processor", f"{found}; without AVX2", "an older processor: use --fps 15, or --scale 0.25")
    else:
        yield TOPIC.ok("processor", found)


def _allowed(machine: Machine) -> float | None:
    """The processors that a container's limit allows; None where there is none."""
    words = (machine.read("/sys/fs/cgroup/cpu.max") or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def _power(machine: Machine) -> Iterator[Finding]:
    profile = (machine.read("/sys/firmware/acpi/platform_profile") or "").strip()
    if profile in ("low-power", "quiet", "cool"):
        step = Step("leave it", ("powerprofilesctl", "set", "balanced"))
        steps = [step] if machine.program("powerprofilesctl") is not None else []
        words = "leave the power saver" + (":" if steps else " in the settings of your desktop")
        yield TOPIC.warning("power", f"the computer saves power ({profile}), and paints slower for it", words, *steps)
    elif profile:
        yield TOPIC.ok("power", f"profile {profile}")


def _load(machine: Machine) -> Iterator[Finding]:
    words = (machine.read("/proc/loadavg") or "").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        raise ProbeError("/proc/loadavg does not say") from None
    cores = machine.cores
    found = f"{load:.1f} programs at work on {cores} processor threads"
    if load > BUSY * cores:
        yield TOPIC.warning("load", found, "close programs that work in the background; `top` shows them")
    else:
        yield TOPIC.ok("load", found)
