"""Ctrl-C that waits until it may be heard."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from regbench.runs.interruption import Held, released


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(within: Callable[[Held], None]) -> bool:
    try:
        with Held() as held:
            within(held)
    except KeyboardInterrupt:
        return True
    return False


def test_it_waits_until_somebody_asks() -> None:
    reached = []

    def within(_: Held) -> None:
        press()
        reached.append("the rest of what must not be broken off")
        with released():
            reached.append("what comes after it")

    assert interrupted(within)
    assert reached == ["the rest of what must not be broken off"]


def test_at_the_end_it_is_heard_at_the_latest() -> None:
    assert interrupted(lambda _: press())


def test_meanwhile_released_it_is_heard_at_once_and_then_waits_again() -> None:
    reached = []

    def within(held: Held) -> None:
        try:
            with released():
                press()
                reached.append("more")
        except KeyboardInterrupt:
            reached.append("heard")
        held.heed()  # nothing waits
        press()
        reached.append("waits")

    assert interrupted(within)
    assert reached == ["heard", "waits"]


def test_afterwards_all_is_as_before() -> None:
    before, found = signal.getsignal(signal.SIGINT), []
    with Held(), released():
        found.append(signal.getsignal(signal.SIGINT))
    assert [*found, signal.getsignal(signal.SIGINT)] == [before, before]
    assert Held.active is None


def test_an_error_of_the_code_itself_comes_first() -> None:
    def within(_: Held) -> None:
        press()
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        interrupted(within)


def test_outside_nothing_waits() -> None:
    heard = False
    try:
        with released():
            press()
    except KeyboardInterrupt:
        heard = True
    assert heard
