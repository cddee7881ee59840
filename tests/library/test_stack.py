"""A stack by names: order, values, seeds, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import regbench
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer
from regbench.regularizers.dropout import Dropout
from regbench.regularizers.mixup import Mixup
from tests.conftest import all_regs, reg_node
from tests.library.nets import net, rows, sgd


def test_members_come_in_the_order_of_the_arguments_with_the_values_of_their_yaml() -> None:
    stack = regbench.stack("sam", "dropout", mixup={"alpha": 0.3}, ema={})
    assert list(stack.members) == ["sam", "dropout", "mixup", "ema"]
    mixup = stack.members["mixup"]
    assert isinstance(mixup, Mixup)
    assert (mixup.alpha, mixup.per) == (0.3, reg_node("mixup")["per"])
    assert str(stack) == "sam + dropout + mixup + ema, seed 0"


def test_the_empty_stack_is_the_baseline() -> None:
    assert dict(regbench.stack().members) == {}
    assert str(regbench.stack(seed=3)) == "the empty stack, seed 3"


@pytest.mark.parametrize("name", all_regs())
def test_every_option_of_the_catalogue_has_its_name(name: str) -> None:
    assert isinstance(regbench.stack(name).members[name], Regularizer)


def test_whole_numbers_and_tuples_are_taken_for_what_a_yaml_would_have() -> None:
    stack = regbench.stack(dropout={"p": 0, "where": (0, 1)})
    dropout = stack.members["dropout"]
    assert isinstance(dropout, Dropout)
    assert (dropout.p, list(dropout.where)) == (0.0, [0, 1])


def test_one_technique_twice_is_a_regularizer_under_another_name() -> None:
    stack = regbench.stack("dropout", narrow=Dropout(p=0.1, mode="inverted", where="first"))
    assert [type(member) for member in stack.members.values()] == [Dropout, Dropout]


def test_an_option_of_ones_own_is_found_in_the_folder_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "mine.yaml").write_text(
        "# @package reg.mine\n_target_: my_member.Mine\nstrength: 1e-3\n"
    )
    (tmp_path / "my_member.py").write_text(
        "from dataclasses import dataclass\nfrom regbench.regularizers.base import Regularizer\n"
        "@dataclass\nclass Mine(Regularizer):\n    off = {'strength': 0.0}\n    strength: float\n"
    )
    stack = regbench.stack("dropout", mine={"strength": 2}, config_dir=tmp_path)
    assert vars(stack.members["mine"]) == {"strength": 2.0}
    with pytest.raises(ConfigError, match=r"^reg: no option 'mien'; did you mean 'mine'\?$"):
        regbench.stack("mien", config_dir=tmp_path)


REFUSED: list[tuple[list[Any], dict[str, Any], str]] = [
    (["droput"], {}, "reg: no option 'droput'; did you mean 'dropout'?"),
    (["xyz"], {}, "reg: no option 'xyz'; see `regbench list reg`"),
    ([], {"mixup": {"alhpa": 1}}, "reg.mixup: no such field 'alhpa'; did you mean 'alpha'?"),
    ([], {"mixup": {"alpha": -1.0}}, "reg.mixup: alpha must be at least 0, got -1.0"),
    ([], {"mixup": {"alpha": "much"}}, "reg.mixup: alpha must be a number, got 'much'"),
    ([], {"mixup": {"alpha": True}}, "reg.mixup: alpha must be a number, got true"),
    ([], {"mixup": {"alpha": float("nan")}}, "reg.mixup.alpha: must be finite, got nan"),
    (
        [],
        {"mixup": {"per": "rows"}},
        "reg.mixup: per must be one of batch, example, got 'rows'",
    ),
    ([], {"mixup": 0.2}, "reg.mixup: must be a Regularizer, or a mapping of fields to values, got 0.2"),
    (
        ["dropout"],
        {"dropout": {"p": 0.2}},
        "reg.dropout: given twice; the second one needs a name of its own, and is given as a Regularizer",
    ),
    ([["dropout"]], {}, "reg: must be names of regularizers, got ['dropout']"),
    ([3], {}, "reg: must be names of regularizers, got 3"),
    ([], {"seed": -1}, "seed: must be a whole number in [0, 2^32 - 1], got -1"),
    (["dropout"], {"config_dir": "nowhere"}, "--config-dir: must be a folder, got nowhere"),
]


@pytest.mark.parametrize(("names", "members", "sentence"), REFUSED, ids=[case[2][:40] for case in REFUSED])
def test_what_is_wrong_is_refused_in_one_sentence(names: Any, members: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        regbench.stack(*names, **members)
    assert str(raised.value) == sentence


def test_a_stack_is_a_description_that_serves_many_models() -> None:
    stack = regbench.stack(ema={"decay": 0.5})
    for _ in range(2):
        model = net()
        applied = stack.apply(model, sgd(model), train=rows(), epochs=1, steps_per_epoch=1)
        applied.step(*rows())
        assert applied.reg.state_dict()["ema"]["t"] == 1
    assert stack.state_dict()["ema"]["t"] == 0
