"""What stands on the line of an advice."""

from __future__ import annotations

import pytest

from regbench.errors import ConfigError
from regbench.studies.advising.settings import settings_of


def test_a_budget_is_a_time_and_an_hour_where_there_is_none() -> None:
    found, words = settings_of(["model=mlp", "budget=1h30min", "study=mine"])
    assert (found.seconds, found.given, found.study, words) == (5400.0, True, "mine", ["model=mlp"])
    found, words = settings_of(["train.lr=0.1"])
    assert (found.seconds, found.given, found.study, words) == (3600.0, False, None, ["train.lr=0.1"])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("budget=soon", "budget: must be a time"),
        ("budget.jobs=20", "budget.jobs: is for `regbench race`"),
        ("+reg=[dropout]", "reg: advise tries every technique"),
        ("reg.dropout.p=0.3", "reg: advise tries every technique"),
        ("seed=1", "seed: advise chooses seeds itself"),
        ("sweep=mine", "sweep: is the name of a sweep"),
        ("evaluate_test=true", "evaluate_test: type --test"),
        ("hydra.sweep.dir=there", "hydra.sweep.dir: everything lies in one folder"),
        ("study=..", "study: must be a name"),
    ],
)
def test_what_it_decides_itself_is_refused_in_a_sentence_with_the_key(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match="^" + said):
        settings_of(["model=mlp", word])


def test_a_key_that_only_begins_alike_is_a_word_of_the_runs() -> None:
    assert settings_of(["dataset.split_seed=3"])[1] == ["dataset.split_seed=3"]
