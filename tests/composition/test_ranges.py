"""The jobs of a sweep are those of Hydra's own sweeper, in its order and in its words."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from regbench.composition.ranges import jobs_of
from tests.composition.test_template import LINES

MORE = [  # as Hydra is given them, quotes included
    "a=1,2 b=3,4,5 c=6",
    "a=choice(x,y) b=range(3) c=range(0,1,0.25)",
    "a=sort(3,1,2) b=sort(range(4),reverse=true)",
    "+a=1,2 ++b=3 ~c ~d=5 ~e.f=1",
    "a={b:1,c:[2,x]},{b:3} d=[1,2],[] e='a,b','c=d',\"e\"",
    "+x@y.z=p,q x@w=[p,q],[r]",
    "a=null,true,1e-3,1_000,nan,-5,'' b=\\$x,'${y}',a\\,b",
    "a=1,2 b=3 a=4,5",
    "a=int('3'),str(4) b=tag(t,choice(1,2))",
]


def split_by_hydra(read: list[Any]) -> list[list[str]]:
    (basic,) = (one for one in Plugins.instance().discover(Sweeper) if one.__name__ == "BasicSweeper")
    (jobs,) = basic.split_arguments(read, None)  # type: ignore[attr-defined]
    return jobs


@pytest.mark.parametrize("words", [*map(shlex.split, LINES), *map(str.split, MORE)], ids=" ".join)
def test_the_jobs_are_those_of_hydras_own_sweeper(words: list[str]) -> None:
    read = OverridesParser.create().parse_overrides(words)
    assert jobs_of(read) == split_by_hydra(read)
    assert jobs_of(read)
