"""Checks the engines that run networks, the devices they really use, and what slows the processor down."""

from __future__ import annotations

from collections.abc import Iterator

from stylecam.engines.names import LIBRARY_NAMES, PACKAGES, title
from stylecam.errors import EngineUnavailableError, ProbeError, StylecamError
from stylecam.system.doctor.diagnostics import OPENCV_PACKAGES, TEST_SIZE, Diagnostics, OpenCVBuild
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.system.setup.packages import package_steps
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message, joined

TOPIC = Topic("Painting")
SLOW_MS = 100.0
"""If a 640×360 picture takes longer, only the coarsest rungs hold 30 frames a second."""
MIN_OPENCV = (4, 10)
BUSY_LOAD = 1.5
"""Runnable programs per processor thread above which the computer is busy."""
_LIBRARIES = {"debian": "libgl1 libglib2.0-0", "fedora": "mesa-libGL glib2", "arch": "libglvnd glib2"}


def check(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield the state of each engine and device, then of the processor."""
    try:
        opencv = diagnostics.opencv()
    except ImportError as error:
        yield _not_loadable(host, diagnostics, error)
        return
    yield _version(diagnostics, opencv)
    yield from _duplicates(diagnostics)
    if opencv.windows.upper() == "NONE":
        remove = diagnostics.pip_step("remove the one without", "uninstall", "-y", "opencv-python-headless")
        install = diagnostics.pip_step("install the one with windows", "install", "opencv-python<5")
        words = Message("for the preview window (--output window):")
        yield TOPIC.warning("windows", "this OpenCV cannot open windows", words, remove, install)
    for device in sorted(opencv.devices, key=lambda name: name != "cpu"):
        yield from TOPIC.guarded(device, _run_network(diagnostics, device))
    for engine in PACKAGES:
        yield from TOPIC.guarded(LIBRARY_NAMES[engine], _optional_engine(diagnostics, engine))
    yield from TOPIC.guarded("graphics card", _unused_gpu(host, opencv))
    yield from TOPIC.guarded("processor", _processor(host, opencv))
    if host.platform == "linux":
        yield from TOPIC.guarded("power", _power(host))
        yield from TOPIC.guarded("load", _load(host))


def _not_loadable(host: HostProbe, diagnostics: Diagnostics, error: ImportError) -> Finding:
    reason = " ".join(str(error).split())[:200]
    if ".so" not in reason or host.platform != "linux":
        reinstall = diagnostics.pip_step("install OpenCV again", "install", "--force-reinstall", "opencv-python<5")
        return TOPIC.fault(
            "OpenCV", Message("cannot be loaded: {reason}", reason=reason), "install it again:", reinstall
        )
    steps = package_steps(host, "install libraries", _LIBRARIES)
    words = (
        Message("install the libraries that it needs for windows:")
        if steps
        else Message("install the library it names")
    )
    return TOPIC.fault("OpenCV", Message("cannot be loaded: {reason}", reason=reason), words, *steps)


def _version(diagnostics: Diagnostics, opencv: OpenCVBuild) -> Finding:
    numbers = tuple(int(part) for part in opencv.version.split(".")[:2] if part.isdecimal())
    install = diagnostics.pip_step("install OpenCV 4", "install", "opencv-python>=4.10,<5")
    if not numbers:
        return TOPIC.unchecked("OpenCV", Message("its version {version!r} is no number", version=opencv.version))
    if numbers < MIN_OPENCV:
        found = Message("{version} is too old; stylecam needs 4.10", version=opencv.version)
        return TOPIC.fault("OpenCV", found, "install a newer one:", install)
    if numbers >= (5,):
        found = Message("{version} works; 4.x paints 10 to 20 % faster on a processor", version=opencv.version)
        return TOPIC.warning("OpenCV", found, "install OpenCV 4:", install)
    return TOPIC.ok("OpenCV", opencv.version)


def _duplicates(diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield a fault if several packages of OpenCV are installed: they overwrite each other's files."""
    versions = diagnostics.versions()
    installed = [name for name in OPENCV_PACKAGES if versions.get(name)]
    if len(installed) > 1:
        yield TOPIC.fault(
            "OpenCV",
            Message(
                "installed {number} times, which breaks it: {installed}",
                number=len(installed),
                installed=", ".join(installed),
            ),
            "remove all, then install one:",
            diagnostics.pip_step("remove all", "uninstall", "-y", *installed),
            diagnostics.pip_step("install one", "install", "opencv-python<5"),
        )


def _optional_engine(diagnostics: Diagnostics, engine: str) -> Iterator[Finding]:
    """Yield the state of an engine that is an optional extra."""
    name, versions = LIBRARY_NAMES[engine], diagnostics.versions()
    if not any(versions.get(package) for package in PACKAGES[engine]):
        yield TOPIC.ok(
            name, Message('not installed; it may be faster: pip install "stylecam[{engine}]"', engine=engine)
        )
        return
    try:
        devices = diagnostics.devices(engine)
    except EngineUnavailableError as error:
        words = ("install", "--upgrade", "--force-reinstall", f"stylecam[{engine}]")
        yield TOPIC.fault(
            name, str(error), "install it again:", diagnostics.pip_step(Message("install {name}", name=name), *words)
        )
        return
    for device in sorted(devices, key=lambda name: name != "cpu"):
        yield from TOPIC.guarded(title(engine, device), _run_network(diagnostics, device, engine))


def _run_network(diagnostics: Diagnostics, device: str, engine: str = "opencv") -> Iterator[Finding]:
    subject = device if engine == "opencv" else title(engine, device)
    try:
        timing = diagnostics.network(device, engine)
    except ProbeError:
        raise
    except StylecamError as error:
        if engine != "opencv":
            words = Message("use --engine auto, which skips it, or --engine opencv")
        elif device != "cpu":
            words = Message("use --device cpu")
        else:
            words = Message("install stylecam and OpenCV again")
        yield TOPIC.fault(subject, Message("no network runs on it: {error}", error=error), words)
        return
    if timing.device != device:
        found = Message("requested, but {device} was used instead", device=timing.device)
        yield TOPIC.fault(subject, found, "use --device cpu, and report this")
        return
    size = f"{TEST_SIZE[0]}×{TEST_SIZE[1]}"
    found = Message(
        "{engine} ran a network on it: {ms:.0f} ms for {size}", engine=timing.engine, ms=timing.milliseconds, size=size
    )
    if timing.milliseconds > SLOW_MS and (engine, device) == ("opencv", "cpu"):
        words = Message("stylecam works at a coarse size to keep the rate; close other programs, or use --fps 15")
        yield TOPIC.warning(subject, found, words)
    else:
        yield TOPIC.ok(subject, found)


def _unused_gpu(host: HostProbe, opencv: OpenCVBuild) -> Iterator[Finding]:
    if "cuda" in opencv.devices or host.find_program("nvidia-smi") is None:
        return
    done = host.run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    names = done.stdout.strip().splitlines()
    if done.returncode != 0 or not names:
        raise ProbeError("nvidia-smi is installed but finds no graphics card")
    yield TOPIC.warning(
        "graphics card",
        Message("{name} is not used: this OpenCV was built without CUDA", name=names[0].strip()[:60]),
        "the processor is used instead; to use the card, install an OpenCV built with CUDA (those on PyPI are not)",
    )


def _processor(host: HostProbe, opencv: OpenCVBuild) -> Iterator[Finding]:
    limit = _cpu_limit(host)
    cores = host.cores
    features = [name for name in ("AVX2", "AVX512-SKX", "NEON", "NEON_DOTPROD") if name in opencv.features]
    used = Message("{cores} threads, OpenCV uses {threads}", cores=cores, threads=opencv.threads)
    found = joined((used, ", ".join(features)), "; ") if features else used
    if limit is not None and limit < cores:
        words = Message("give the container more processors (docker, podman: --cpus)")
        yield TOPIC.warning(
            "processor", Message("{found}; this container may use {limit:g} of them", found=found, limit=limit), words
        )
    elif opencv.threads < min(2, cores):
        yield TOPIC.warning("processor", found, "unset OMP_NUM_THREADS, and start stylecam without --threads")
    elif any(name.startswith("SSE") for name in opencv.features) and "AVX2" not in opencv.features:
        yield TOPIC.warning(
            "processor",
            Message("{found}; without AVX2", found=found),
            "an older processor: use --fps 15, or --scale 0.25",
        )
    else:
        yield TOPIC.ok("processor", found)


def _cpu_limit(host: HostProbe) -> float | None:
    """Return the number of processors a container may use; None if it is not limited."""
    words = (host.read_text("/sys/fs/cgroup/cpu.max") or "").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def _power(host: HostProbe) -> Iterator[Finding]:
    profile = (host.read_text("/sys/firmware/acpi/platform_profile") or "").strip()
    if profile in ("low-power", "quiet", "cool"):
        step = SetupStep("leave the power saver", ("powerprofilesctl", "set", "balanced"))
        steps = [step] if host.find_program("powerprofilesctl") is not None else []
        by_hand = Message("leave the power saver in the settings of your desktop")
        words = Message("leave the power saver:") if steps else by_hand
        yield TOPIC.warning(
            "power", Message("the computer saves power ({profile}) and is slower", profile=profile), words, *steps
        )
    elif profile:
        yield TOPIC.ok("power", Message("profile {profile}", profile=profile))


def _load(host: HostProbe) -> Iterator[Finding]:
    words = (host.read_text("/proc/loadavg") or "").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        raise ProbeError("/proc/loadavg holds no load") from None
    cores = host.cores
    found = Message("{load:.1f} busy programs on {cores} processor threads", load=load, cores=cores)
    if load > BUSY_LOAD * cores:
        yield TOPIC.warning("load", found, "close programs in the background; `top` shows them")
    else:
        yield TOPIC.ok("load", found)
