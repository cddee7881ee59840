"""What a search may spend and how it goes about it, as its line says it."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.errors import ConfigError
from regbench.studies.searching.settings import Settings, settings_of


def test_without_a_word_there_are_sixty_trials_and_no_limit_of_time() -> None:
    found, others = settings_of(["+reg=dropout", "train.lr=0.1"])
    assert found == Settings(trials=60)
    assert others == ["+reg=dropout", "train.lr=0.1"]
    assert (found.finalists, found.finalist_seeds, found.confirm_seeds, found.batch) == (3, 3, 20, 8)
    assert (found.sampler, found.seed, found.pruner, found.storage, found.study) == (
        *("tpe", 0, "median"),
        *(None, None),
    )


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("trials=9", "trials", 9),
        ("budget=2h", "seconds", 7200.0),
        ("budget=90s", "seconds", 90.0),
        ("finalists=2", "finalists", 2),
        ("finalists.seeds=5", "finalist_seeds", 5),
        ("confirm.seeds=12", "confirm_seeds", 12),
        ("batch=4", "batch", 4),
        ("sampler=random", "sampler", "random"),
        ("sampler.seed=7", "seed", 7),
        ("pruner=halving", "pruner", "halving"),
        ("pruner=hyperband", "pruner", "hyperband"),
        ("pruner=none", "pruner", "none"),
        ("storage=sqlite:///a.db", "storage", "sqlite:///a.db"),
        ("storage='sqlite:///a.db'", "storage", "sqlite:///a.db"),
        ("study=first.try-2", "study", "first.try-2"),
    ],
)
def test_every_key_is_read_and_taken_out_of_the_line(word: str, name: str, value: Any) -> None:
    found, others = settings_of(["seed=1", word, "model=mlp"])
    assert getattr(found, name) == value
    assert others == ["seed=1", "model=mlp"]


def test_with_time_alone_there_are_as_many_trials_as_fit() -> None:
    found, _ = settings_of(["budget=1h"])
    assert found.trials is None
    assert found.shares(3) == [None, None, None]


@pytest.mark.parametrize(
    ("words", "arms", "shares"),
    [
        (["trials=60"], 2, [30, 30]),
        (["trials=7"], 3, [3, 2, 2]),  # what is left over goes to the first
        (["trials=60", "trials.baseline=20"], 3, [20, 20, 20]),
        (["trials=10", "trials.baseline=3"], 3, [3, 4, 3]),
    ],
)
def test_arms_get_equally_many_unless_the_baseline_s_are_given(
    words: list[str], arms: int, shares: list[int]
) -> None:
    assert settings_of(words)[0].shares(arms) == shares


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trials=1"], "trials: must be at least 2"),
        (["trials=0"], "trials"),
        (["trials=many"], "trials"),
        (["trials=3", "trials=4"], "trials: given twice"),
        (["trials.baseline=3"], "budget=1h"),
        (["trials=5", "trials.baseline=5"], "trials.baseline: must be below trials=5"),
        (["budget=soon"], "budget"),
        (["confirm.seeds=5"], "confirm.seeds: must be at least 6, as nothing can be decided with fewer"),
        (["finalists.seed=2"], "did you mean 'finalists.seeds'"),
        (["sampler=tpi"], "sampler: must be one of tpe, random"),
        (["sampler.seed=-1"], "sampler.seed: must be a whole number"),
        (["sampler.seed="], "sampler.seed: must be a whole number of at least 0, got nothing"),
        (
            ["sampler.seed=1000000000"],
            "sampler.seed: must be a whole number of at most 999999999, got 1000000000",
        ),
        (["trials=1000000000"], "trials: must be a whole number of at most 999999999, got 1000000000"),
        (["finalists=9999999999"], "finalists: must be a whole number of at most 999999999, got 9999999999"),
        (
            ["confirm.seeds=10001"],
            "confirm.seeds: must be a whole number of at most 10000, got 10001",
        ),
        (["batch=1" + 20 * "0"], "batch: must be a whole number of at most 10000, got 1000"),
        (["finalists.seeds=99999"], "finalists.seeds: must be a whole number of at most 10000, got 99999"),
        (["pruner="], "pruner: must be one of median, halving, hyperband, none, got nothing"),
        (["storage=a.db"], "storage: must be a URL"),
        (["study=../up"], "study: must be a name"),
        (["study=.."], "study: must be a name"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(words: list[str], said: str) -> None:
    if said == "budget=1h":  # a part of trials, where time alone limits them
        words, said = [*words, said], "trials.baseline: is a part of trials"
    with pytest.raises(ConfigError, match=said) as error:
        settings_of(words)
    assert "\n" not in str(error.value)
