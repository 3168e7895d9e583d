"""The command queue: commands from any thread, applied one after the other."""

from __future__ import annotations

import concurrent.futures
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.control.command_queue import AutoCycle, CommandQueue, CommandResult, PendingCommand
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, StyleNotFoundError, UsageError
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look
from stylecam.stylize.room import Room


@pytest.fixture
def control(catalog: Catalog) -> CommandQueue:
    return CommandQueue(catalog, LiveState(Look(catalog.mix_of(catalog.cards[0]))))


def test_commands_wait_until_they_are_applied(control: CommandQueue) -> None:
    before = control.state
    future = control.submit("bypass")
    assert control.state == before
    assert not future.done()
    assert control.apply().bypass


def test_a_command_wakes_the_thread_that_applies_it(control: CommandQueue) -> None:
    woken: list[bool] = []
    control.wake = lambda: woken.append(True)
    control.submit("next")
    assert woken == [True]


def test_a_future_holds_the_state_after_its_command(control: CommandQueue) -> None:
    first, second = control.submit("strength:0.5"), control.submit("strength:0.7")
    control.apply()
    assert (first.result(0).state.look.strength, second.result(0).state.look.strength) == (0.5, 0.7)


def test_an_invalid_command_is_refused_and_changes_nothing(control: CommandQueue) -> None:
    before = control.state
    future = control.submit("select:99")
    assert control.apply() == before
    with pytest.raises(UsageError, match="there is no style 99"):
        future.result(0)


def test_an_unknown_style_is_refused_with_the_nearest(control: CommandQueue) -> None:
    future = control.submit("select:great_wav")
    control.apply()
    with pytest.raises(StyleNotFoundError, match="did you mean great_wave"):
        future.result(0)


def test_commands_after_an_invalid_one_are_applied(control: CommandQueue) -> None:
    control.submit("select:99")
    control.submit("bypass")
    assert control.apply().bypass


def test_waiting_for_a_command_that_nobody_applies_ends_with_a_timeout(control: CommandQueue) -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        control.submit("next").result(0)


def test_a_waiter_gets_the_state_from_another_thread(control: CommandQueue) -> None:
    future = control.submit("freeze")
    threading.Thread(target=control.apply).start()
    assert future.result(20).state.frozen


def test_a_callback_is_called_at_the_end_also_when_it_is_added_late(control: CommandQueue) -> None:
    states: list[LiveState] = []
    future = control.submit("freeze")
    future.add_done_callback(lambda done: states.append(done.result().state))
    assert states == []
    control.apply()
    future.add_done_callback(lambda done: states.append(done.result().state))
    assert states == [control.state] * 2


def test_quitting_does_not_wait_for_the_next_frame(control: CommandQueue) -> None:
    future = control.submit("quit")
    assert control.quitting.is_set()
    assert control.attention.is_set()
    assert future.done()


def test_each_command_makes_a_new_version(control: CommandQueue) -> None:
    for text in ("bypass", "freeze", "weaker"):
        control.submit(text)
    assert control.apply().version == 3


def test_subscribers_see_every_change_in_order_until_they_leave(control: CommandQueue) -> None:
    versions: list[int] = []
    leave = control.subscribe(lambda state: versions.append(state.version))
    for text in ("bypass", "select:99", "freeze"):
        control.submit(text)
    control.apply()
    leave()
    control.submit("weaker")
    control.apply()
    assert versions == [1, 2]


def test_the_first_style_may_be_replaced_before_any_command(control: CommandQueue, catalog: Catalog) -> None:
    labels: list[str] = []
    control.subscribe(lambda state: labels.append(state.look.label))
    control.submit("strength:0.5")
    control.restyle(replace(control.state.look, mix=catalog.parse("udnie")))
    assert (control.state.look.label, control.own_look.label, control.state.version) == ("udnie", "udnie", 0)
    control.apply()
    assert (control.state.look.label, control.state.look.strength) == ("udnie", 0.5)
    assert labels == ["udnie", "udnie"]


def test_a_deferred_command_ends_when_it_is_finished_elsewhere(control: CommandQueue) -> None:
    future = control.submit("snapshot:me")
    assert not control.attention.is_set()
    control.apply()
    assert control.attention.is_set()
    assert not future.done()
    (pending,) = control.take_deferred()
    assert not control.attention.is_set()
    assert pending.command == Command.parse("snapshot:me")
    pending.finish(control.state, {"file": "me.png"})
    assert future.result(0) == CommandResult(control.state, {"file": "me.png"})


def test_a_command_ends_only_once(control: CommandQueue) -> None:
    pending = PendingCommand(Command("next"))
    pending.finish(control.state)
    pending.refuse(CommandRefusedError("too late"))
    pending.finish(control.state, {"file": "later.png"})
    assert pending.future.result(0) == CommandResult(control.state)


def test_a_waiter_that_gives_up_does_not_cancel_the_command(control: CommandQueue) -> None:
    future = control.submit("freeze")
    assert not future.cancel()
    control.apply()
    assert future.result(0).state.frozen


def test_a_mistake_in_an_action_is_the_commands_error_and_later_commands_are_applied(
    control: CommandQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> LiveState:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setitem(ACTIONS, "mirror", replace(ACTIONS["mirror"], apply=fail))
    future = control.submit("mirror")
    control.submit("freeze")
    assert control.apply().frozen
    with pytest.raises(ZeroDivisionError):
        future.result(0)
    assert "mirror failed" in caplog.text


def test_text_is_submitted_as_the_command_it_names(control: CommandQueue) -> None:
    control.submit("strength:0.25")
    assert control.apply().look.strength == 0.25


def test_text_that_names_no_command_is_a_usage_error_with_the_nearest_names(control: CommandQueue) -> None:
    with pytest.raises(UsageError, match=r"no action 'nxt'; did you mean next\?$"):
        control.submit("nxt")


def test_presets_may_be_replaced(control: CommandQueue) -> None:
    control.presets = {"new": {"strength": 0.3}}
    control.submit("preset:new")
    assert control.apply().look.strength == 0.3


def test_closing_refuses_all_waiting_commands(control: CommandQueue) -> None:
    waiting, deferred = control.submit("next"), control.submit("snapshot")
    control.close()
    late = control.submit("next")
    for future in (waiting, deferred, late):
        with pytest.raises(CommandRefusedError, match="stopping"):
            future.result(0)


def test_no_command_is_lost_with_many_submitting_and_applying_threads(control: CommandQueue) -> None:
    def press() -> None:
        for _ in range(100):
            control.submit("bypass")

    stop = threading.Event()

    def apply_commands() -> None:
        while not stop.is_set():
            control.apply()

    versions: list[int] = []
    control.subscribe(lambda state: versions.append(state.version))
    workers = [threading.Thread(target=apply_commands) for _ in range(2)]
    pressers = [threading.Thread(target=press) for _ in range(4)]
    for thread in (*workers, *pressers):
        thread.start()
    for presser in pressers:
        presser.join()
    stop.set()
    for worker in workers:
        worker.join()
    assert control.apply().version == 400
    assert versions == list(range(1, 401))


NEXT = Command("next", by_timer=True)


@pytest.fixture
def state(catalog: Catalog) -> LiveState:
    return LiveState(Look(catalog.mix_of(catalog.cards[0])), cycle_s=10.0)


def test_the_next_style_is_due_after_each_period(state: LiveState) -> None:
    cycle = AutoCycle()
    due_at = [now for now in range(100, 145) if cycle.due(state, now) == NEXT]
    assert due_at == [110, 120, 130, 140]


def test_the_next_style_by_itself_is_no_sign_that_anybody_is_there(control: CommandQueue) -> None:
    counts = []
    for command in (NEXT, replace(NEXT, by_timer=False)):
        before = control.state
        control.submit(command)
        assert control.apply().look != before.look
        counts.append(control.state.commands)
    assert counts == [0, 1]


def test_without_a_period_no_command_is_due(state: LiveState) -> None:
    cycle = AutoCycle()
    assert all(cycle.due(replace(state, cycle_s=None), now) is None for now in range(1000))


def test_a_style_chosen_by_hand_stays_a_whole_period(state: LiveState, catalog: Catalog) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    other = state.with_look(mix=catalog.mix_of(catalog.cards[3]))
    assert cycle.due(other, 9) is None
    assert cycle.due(other, 18) is None
    assert cycle.due(other, 19) == NEXT


def test_another_period_counts_from_when_it_was_set(state: LiveState) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    shorter = replace(state, cycle_s=5.0)
    assert [cycle.due(shorter, now) for now in (9, 13, 14)] == [None, None, NEXT]


@pytest.mark.parametrize("name", ["bypass", "frozen", "resting", "panic"])
def test_while_no_style_is_visible_the_period_is_paused(state: LiveState, name: str) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    assert all(cycle.due(replace(state, **{name: True}), now) is None for now in range(5, 100))  # type: ignore[arg-type]
    assert [cycle.due(state, now) for now in (100, 108, 109)] == [None, None, NEXT]


def test_the_pictures_for_the_room_are_those_that_the_settings_name_and_the_one_shown(catalog: Catalog) -> None:
    own, shown = Look(room=Room.parse("picture:/own.png")), Room.parse("picture:/shown.png")
    control = CommandQueue(catalog, LiveState(own), {"a": {"room": "picture:/a.png"}, "b": {"room": "blur"}})
    assert list(control.room_pictures) == [Path("/own.png"), Path("/a.png")]
    control._state = control.state.with_look(room=shown)
    assert list(control.room_pictures) == [Path("/own.png"), Path("/a.png"), Path("/shown.png")]
