"""The sinks that a configuration names, looked at before any is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from regbench.assembly.sinks import check_sinks, makers_of
from regbench.errors import ConfigError
from regbench.instantiation.checking import Distrust
from regbench.sinks.base import Sink
from regbench.sinks.tensorboard import TensorBoard
from regbench.sinks.wandb import WandB

OURS = {"_target_": "regbench.sinks.tensorboard.TensorBoard"}


class Loud(Sink):
    """Cannot be made."""

    def __init__(self, path: str, every: int = 1) -> None:
        raise OSError(path)


class Needing(Sink):
    needs: ClassVar[Mapping[str, str]] = {"no_such_package": "no-such-package"}


def of(**node: Any) -> dict[str, Any]:
    return {"sinks": {"mine": node}}


def test_each_is_made_by_its_name_in_their_order() -> None:
    node = {"_target_": "regbench.sinks.wandb.WandB", "project": "p", "entity": None, "mode": "online"}
    made = {name: make() for name, make in makers_of({"sinks": {"w": node, "t": OURS}}).items()}
    assert [*made] == ["w", "t"]
    assert made["w"] == WandB(project="p", mode="online")
    assert isinstance(made["t"], TensorBoard)


def test_a_configuration_of_before_there_was_a_choice_has_tensorboard() -> None:
    (make,) = makers_of({}).values()
    assert isinstance(make(), TensorBoard)
    assert makers_of({"sinks": {}}) == {}


def test_nothing_is_made_before_the_run() -> None:
    config = of(_target_=f"{__name__}.Loud", path="x")
    check_sinks(config)
    with pytest.raises(ConfigError, match=r"^sinks.mine: x"):
        makers_of(config)["mine"]()


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": f"{__name__}.Loud"}, "sinks.mine: path has no value; set +sinks.mine.path=..."),
        (
            {"_target_": f"{__name__}.Loud", "pth": "x"},
            "sinks.mine: no such field 'pth'; did you mean 'path'?",
        ),
        ({"_target_": f"{__name__}.Loud", "path": "x", "every": "often"}, "every must be a whole number"),
        ({"_target_": "os.mkdir", "path": "x"}, "sinks.mine._target_: must name a Sink, got os.mkdir"),
        ({"_target_": "torch.nn.ReLU"}, "sinks.mine._target_: must name a Sink, got torch.nn.ReLU"),
        ({"_target_": "regbench.runs.json_lines.JsonLines", "path": "x"}, "must name a Sink, got regbench"),
        (
            {"_target_": f"{__name__}.Needing"},
            "sinks.mine: needs no_such_package; type pip install 'no-such-",
        ),
        ({"path": "x"}, "sinks.mine._target_: must name a class, got none"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(node: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        check_sinks(of(**node))


@pytest.mark.parametrize("sinks", [None, [], "tensorboard", {"mine": None}, {"mine": 3}])
def test_what_is_no_group_of_settings_is_refused(sinks: Any) -> None:
    with pytest.raises(ConfigError, match=r"^sinks(\.mine)?: must be "):
        check_sinks({"sinks": sinks})


def test_of_a_recorded_one_it_is_said_how_to_trust_it(tmp_path: Path) -> None:
    distrust = Distrust(tmp_path / "run", "; type --trust")
    check_sinks({"sinks": {"t": OURS}}, distrust)
    with pytest.raises(
        ConfigError, match=r"^sinks.mine._target_: no module named 'nowhere'.*; type --trust$"
    ):
        check_sinks(of(_target_="nowhere.Csv"), distrust)
