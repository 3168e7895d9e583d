"""The outputs of a run: added, removed and brought to another size while the others go on."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.errors import CommandRefusedError, SinkError, SinkUnavailableError, StylecamError
from stylecam.live.context import PipelineContext
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.media.sinks import pipewire
from stylecam.media.sinks.base import Sink
from stylecam.utils.message import Message
from stylecam.utils.worker import Worker

logger = logging.getLogger(__name__)

DEFAULT = ("virtual", "pipewire")
"""The outputs of a run whose settings name none, as far as they can be had."""
DEVICES = ("virtual", "pipewire", "null")
"""The kinds of output that anybody who controls stylecam may add; files and addresses must be in the settings."""
STAY = {
    "web": Message("the page stays as long as stylecam runs; start with --no-server to do without"),
    "window": Message("close the window itself, which ends stylecam; or start without --output window"),
}
"""The kinds of output that cannot be removed from a run, and what to do instead."""


@dataclass(frozen=True, slots=True)
class _Output:
    """One output: `which` stands for it in commands and shows no secret."""

    which: str
    runner: SinkRunner

    @property
    def sink(self) -> Sink:
        return self.runner.sink

    def is_meant(self, text: str) -> bool:
        names = (self.which, self.sink.name, self.sink.kind, self.sink.label or "")
        return text.lower() in (name.lower() for name in names)


class Outputs:
    """Carries out the command `output` and follows the size of the run, one after the other on the thread of `worker`.

    Whoever controls stylecam may add virtual cameras, and what the user's own settings have named. Other files and
    addresses are refused: a page must not make stylecam write or send anywhere.

    Any thread may call `runners`, `choices`, `add_late` and `allow`; `request` and `settle` belong to the main thread.
    """

    def __init__(
        self,
        publisher: Publisher,
        context: PipelineContext,
        make: Callable[[str], Sink],
        control: CommandQueue,
        worker: Worker,
        changed: Callable[[], None],
    ) -> None:
        """Start without any output.

        Args:
            publisher: writes to them.
            context: has the size and rate to open them at.
            make: makes the sink of a value of `--output`, not open; raises UsageError.
            control: has the state that ends a command.
            worker: opens and closes them, which may take seconds.
            changed: called from any thread when an output has come or gone.
        """
        self._publisher, self._context = publisher, context
        self._make, self._control = make, control
        self._worker, self._changed = worker, changed
        self._outputs: tuple[_Output, ...] = ()
        self._listing = threading.Lock()
        self._named: dict[str, str] = {}
        """What the settings have named: the value of `--output` by what stands for it in commands."""
        self._settled = threading.Event()
        self._settled.set()
        self._said_later = False
        self._kept: set[SinkRunner] = set()
        """Those that kept another size because somebody reads them."""

    @property
    def runners(self) -> tuple[SinkRunner, ...]:
        """The runners of the present outputs, also of those that do not work now."""
        return tuple(output.runner for output in self._outputs)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The present outputs."""
        return tuple(output.sink for output in self._outputs)

    def start_with(self, texts: Sequence[str], sinks: Sequence[Sink]) -> None:
        """Take over `sinks`, which are open and published to; `texts` are the values of `--output` for the first."""
        self.allow(texts)
        values = [*texts, *(sink.kind for sink in sinks[len(texts) :])]
        runners = {runner.sink: runner for runner in self._publisher.sink_runners}
        self._outputs = tuple(
            _Output(_which(text, sink), runners[sink]) for text, sink in zip(values, sinks, strict=False)
        )

    def add_unasked(self) -> None:
        """Add what a run has besides the virtual camera where its settings name no output, if it can be had; later."""
        if pipewire.is_available():
            self._settled.clear()
            self._worker.submit(self._add_unasked)

    def settle(self, timeout_s: float) -> None:
        """Wait until it is known whether what nobody has asked for can be had, at most `timeout_s`."""
        self._said_later = not self._settled.wait(timeout_s)

    def allow(self, texts: Sequence[str]) -> None:
        """Let the outputs be added that the user's settings name.

        Raises:
            UsageError: one is no output.
        """
        self._named = self._named | {_which(text, self._make(text)): text for text in texts}  # others may be reading it

    def add_late(self, sink: Sink, text: str) -> bool:
        """Publish to a sink that is open already; return False, and close it, if the run has ended."""
        runner = SinkRunner(sink, self._context.size, self._context.fps)
        return self._take(_Output(_which(text, sink), runner))

    def choices(self) -> list[dict[str, Any]]:
        """Return the outputs, and those that may be added, for the API.

        Each has `which` to send, `name`, `kind`, `on`, whether it is `changeable`, and its `problem` with the fix in
        one line, or None.
        """
        present = [
            _choice(output.which, output.sink.name, output.sink.kind, True, output.runner.trouble)
            for output in self._outputs
        ]
        return present + [_choice(which, name, kind, False, problem) for which, name, kind, problem in self._absent()]

    def request(self, pending: PendingCommand) -> None:
        """Carry out a command later."""
        self._worker.submit(partial(pending.carry_out, partial(self._switch, pending), self._control))

    def follow_settings(self, before: Sequence[str], after: Sequence[str]) -> None:
        """Remove the outputs that the settings no longer name, and add those that they name now; all of it later."""
        gone = [text for text in before or DEFAULT if text not in after]
        come = [text for text in after or DEFAULT[:1] if text not in before]
        for text, on in [*((text, False) for text in gone), *((text, True) for text in come)]:
            self._worker.submit(partial(self._follow, text, on))

    def refit(self) -> Iterator[str]:
        """Open the outputs anew that have another size or rate than the run, and yield a line for each that has not.

        An output that somebody reads, or may read, keeps its size, and gets the picture scaled. On the thread of the
        worker only.
        """
        size, fps = self._context.size, self._context.fps
        for output in self._outputs:
            runner = output.runner
            self._kept.discard(runner)
            if output.sink.any_size or not output.sink.opened:
                runner.next_format = size, fps
            elif (runner.size, runner.fps) == (size, fps):
                continue
            elif self._context.viewers.taken(output.sink) is False:
                self._reopen(runner)
            elif runner.size != size:
                self._kept.add(runner)
                yield Message(
                    "{name} stays at {size} while it is read, and gets the picture scaled",
                    name=output.sink.name,
                    size=runner.size,
                )

    def maintain(self) -> None:
        """Open anew what kept its size for a reader that has gone. The main thread calls it now and then."""
        for runner in tuple(self._kept):
            if self._context.viewers.taken(runner.sink) is False:
                self._kept.discard(runner)
                self._worker.submit(partial(self._reopen, runner))

    def _switch(self, pending: PendingCommand) -> dict[str, Any]:
        which = str(pending.command.arguments["which"]).strip()
        found = self._find(which)
        on = bool(pending.command.arguments.get("on", found is None))
        if on and found is None:
            self._add(which)
        elif not on and found is not None:
            self._remove(found)
        elif found is None:
            self._value_of(which)  # refuses what is no output at all
        return {"outputs": [output.which for output in self._outputs]}

    def _add_unasked(self) -> None:
        try:
            self._add("pipewire", unasked=True)
        except StylecamError as error:
            logger.info("%s", error, extra={"is_detail": True})
        except Exception as error:  # a mistake of ours must not end the outputs
            logger.error(Message("the PipeWire camera could not be added: {error}", error=error), exc_info=True)
        finally:
            self._settled.set()

    def _follow(self, text: str, on: bool) -> None:
        try:
            found = self._find(_which(text, self._make(text)))
            if on and found is None:
                self._add(text)
            elif not on and found is not None:
                self._remove(found)
        except StylecamError as error:
            logger.warning("%s", error)
        except Exception as error:  # a mistake of ours must not end the outputs
            logger.error(Message("the outputs could not be changed: {error}", error=error), exc_info=True)

    def _find(self, text: str) -> _Output | None:
        return next((output for output in self._outputs if output.is_meant(text)), None)

    def _value_of(self, which: str) -> str:
        """Return the value of `--output` that `which` stands for.

        Raises:
            UsageError: it is no output.
            CommandRefusedError: it is one that only the settings may name.
        """
        for name, text in self._named.items():
            if which.lower() in (name.lower(), text.lower()):
                return text
        sink = self._make(which)
        if sink.kind not in DEVICES:
            raise CommandRefusedError(
                Message(
                    "only your settings can name {name}: add it to output in the configuration file, then reload",
                    name=sink.name,
                )
            )
        return which

    def _add(self, which: str, *, unasked: bool = False) -> None:
        text = self._value_of(which)
        sink = self._make(text)
        if sink.kind in STAY:
            command = f"stylecam --output {sink.kind}"
            raise CommandRefusedError(
                Message("{name} can only be chosen at the start: {command}", name=sink.name, command=command)
            )
        runner = SinkRunner(sink, self._context.size, self._context.fps)
        runner.open()
        if not self._take(_Output(_which(text, sink), runner)):
            raise CommandRefusedError(Message("stylecam is stopping"))
        news = Message("the picture also goes to {name}", name=sink.name)
        logger.info(news, extra={"is_detail": unasked and not self._said_later})

    def _take(self, output: _Output) -> bool:
        if not self._publisher.add(output.runner):
            output.sink.discard()
            return False
        self._context.viewers.add(output.sink)
        with self._listing:
            self._outputs = (*self._outputs, output)
        self._changed()
        return True

    def _remove(self, output: _Output) -> None:
        if output.sink.kind in STAY:
            raise CommandRefusedError(STAY[output.sink.kind])
        with self._listing:
            self._outputs = tuple(other for other in self._outputs if other is not output)
        self._context.viewers.remove(output.sink)
        removed = self._publisher.remove(output.runner)
        self._changed()
        logger.info(Message("the picture no longer goes to {name}", name=output.sink.name))
        if removed:
            output.runner.close()

    def _reopen(self, runner: SinkRunner) -> None:
        """Open an output that nobody reads at the size of the run; where that fails, at the size before."""
        if not self._publisher.remove(runner):
            return
        runner.next_format = self._context.size, self._context.fps
        try:
            runner.sink.close()
        except Exception as error:  # noqa: BLE001 - a device that fails here is opened again all the same
            logger.warning(Message("{name} could not be closed: {error}", name=runner.sink.name, error=error))
        try:
            try:
                runner.open()
            except SinkUnavailableError as error:  # a reader came meanwhile, who holds it at the size before
                logger.warning(
                    Message("{name} stays at {size}: {error}", name=runner.sink.name, size=runner.size, error=error)
                )
                runner.next_format = runner.size, runner.fps
                runner.open()
        except SinkError as error:
            runner.lose(str(error))
        if not self._publisher.add(runner):
            runner.close()

    def _absent(self) -> Iterator[tuple[str, str, str, str | None]]:
        """Yield what may be added: `which`, name, kind, and what is in the way."""
        kinds = {output.sink.kind for output in self._outputs}
        if "virtual" not in kinds:
            yield "virtual", Message("virtual camera"), "virtual", None
        if "pipewire" not in kinds and sys.platform == "linux":
            problem = None if pipewire.is_available() else pipewire.install_hint()
            yield "pipewire", Message("PipeWire camera"), "pipewire", problem
        for which, text in self._named.items():
            if self._find(which) is None:
                kind = self._make(text).kind
                if kind not in (*DEVICES, *STAY):
                    yield which, which, kind, None


def _which(text: str, sink: Sink) -> str:
    """Return what stands for the output `text` in commands: the text itself where it holds no secret."""
    return text.strip() if sink.kind in (*DEVICES, *STAY) else sink.name


def _choice(which: str, name: str, kind: str, on: bool, problem: str | None) -> dict[str, Any]:
    return {"which": which, "name": name, "kind": kind, "on": on, "changeable": kind not in STAY, "problem": problem}
