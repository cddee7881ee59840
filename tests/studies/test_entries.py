"""What starts in a race: stacks and seeds of a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.studies.entries import BLOCK, Field, Jobs, field_of
from regbench.studies.study import composed
from tests.conftest import SMALL


def field(*words: str) -> Field:
    return field_of(composed("race", [*words, *SMALL])[1])


def test_the_empty_stack_is_first_wherever_it_stands() -> None:
    found = field("+reg=dropout,[],mixup")
    assert [one.name for one in found.entries] == ["baseline", "dropout", "mixup"]
    assert (found.added, found.seeds, found.techniques) == (False, None, 2)
    assert found.seed(7) == 7


def test_it_is_added_where_it_is_not_there() -> None:
    found = field("+reg=[dropout,mixup]")
    assert [one.name for one in found.entries] == ["baseline", "dropout+mixup"]
    assert found.added
    assert found.entries[0].overrides[-2:] == ["~reg.dropout", "~reg.mixup"]


def test_stacks_of_the_same_members_are_told_apart_and_the_same_stack_runs_once() -> None:
    found = field("+reg=dropout", "reg.dropout.p=0.1,0.5,0.10")
    assert [one.name for one in found.entries] == ["baseline", "dropout p=0.1", "dropout p=0.5"]


def test_seeds_of_the_line_are_those_that_may_be_used_in_order() -> None:
    found = field("+reg=[],dropout", "seed=5,3,9")
    assert found.seeds == [3, 5, 9]
    assert found.seed(1) == 5
    assert all("seed" not in word for one in found.entries for word in one.overrides)


@pytest.mark.parametrize("seeds", [[], ["seed=range(3)"]])
def test_a_split_that_follows_the_seed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["+reg=[],dropout", *seeds, "dataset.split_seed=${seed}", *SMALL]
    line, jobs = composed("race", words)
    with pytest.raises(ConfigError, match=r"^dataset\.split_seed: must be the same for all seeds of a race"):
        Jobs(line, field_of(jobs))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["+reg=[]"], "race: must have a stack beside the empty one, such as .*, got none"),
        (["seed=0,1"], "got none"),
        (
            ["+reg=[],dropout", "train.lr=0.1,0.2"],
            "race: must be of stacks that .*, got several values of train.lr",
        ),
        (["+reg=[],dropout", "model=mlp,cnn", "seed=1,2"], "got several values of model$"),
    ],
)
def test_what_is_no_race_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        field(*words)
    assert "\n" not in str(caught.value)


def test_jobs_are_composed_as_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line, jobs = composed("race", ["+reg=[],dropout", *SMALL])
    made = Jobs(line, field_of(jobs))
    late = made.at(1, BLOCK + 2)
    assert late.name.startswith(f"dropout_seed{BLOCK + 2}_")
    assert late.number == 2 * (BLOCK + 2) + 1
    assert made.at(0, 0).name.startswith("baseline_seed0_")
    assert str(made.place.root) == "outputs/sweeps/digits_mlp"
    assert list(tmp_path.iterdir()) == []
