"""On which model a law is tested for a member in the quick suite; on all others it is in the long one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

import pytest


class Turn:
    """The first, second ... of the choices that a member takes, in an order of its own for each law.

    The order is that of the choices, begun at a place that the law's and the member's names give: over
    all members and laws the first ones are all choices, and no list says of which member is which.
    """

    def __init__(self, choices: Sequence[str], refusal: Callable[[str, str], str], place: int) -> None:
        self.choices, self.refusal, self.place = choices, refusal, place

    def of(self, law: str, name: str) -> str:
        """The choice; skips where the member takes fewer, and fails where it takes none."""
        for place, choice in enumerate(self._taken(law, name)):
            if place == self.place:
                return choice
        if self.place == 0:
            pytest.fail(f"{name} takes none of {self.choices}: {self.refusal(name, self.choices[0])}")
        pytest.skip(f"{name} takes fewer than {self.place + 1} of {', '.join(self.choices)}")

    def _taken(self, law: str, name: str) -> Iterator[str]:
        start = crc32(f"{law} {name}".encode()) % len(self.choices)
        for choice in (*self.choices[start:], *self.choices[:start]):
            if not self.refusal(name, choice):
                yield choice


def in_turn(
    argument: str, choices: Sequence[str], refusal: Callable[[str, str], str] = lambda *_: ""
) -> pytest.MarkDecorator:
    """Every choice that a member takes: one of them in the quick suite, all others in the long remainder.

    The test has a parameter `name`, and the argument is one of the fixtures below.
    """
    turns = [
        pytest.param(
            Turn(choices, refusal, place),
            id=f"{argument}{place + 1}",
            marks=pytest.mark.long if place else [],
        )
        for place in range(len(choices))
    ]
    return pytest.mark.parametrize(argument, turns, indirect=True)


@pytest.fixture
def model(request: pytest.FixtureRequest, name: str) -> str:
    return _chosen(request, name)


@pytest.fixture
def beside(request: pytest.FixtureRequest, name: str) -> str:
    return _chosen(request, name)


@pytest.fixture
def family(request: pytest.FixtureRequest, name: str) -> str:
    return _chosen(request, name)


def _chosen(request: pytest.FixtureRequest, name: str) -> str:
    turn: Turn = request.param
    return turn.of(request.function.__name__, name)
