"""What a race may spend: how it is typed, and how it is counted."""

from __future__ import annotations

import math

import pytest

from regbench.errors import ConfigError
from regbench.studies.budget import Budget, Spending, budget_of, clock


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("90s", 90),
        ("30min", 1800),
        ("30m", 1800),
        ("1.5h", 5400),
        ("1h30min", 5400),
        ("1d", 86400),
    ],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert budget_of([f"budget={text}"]) == (Budget(seconds=seconds), [])


def test_budgets_are_taken_from_the_line_and_all_else_is_left() -> None:
    words = [
        "+reg=[],dropout",
        "budget.jobs=200",
        "seed=range(3)",
        "+budget.seeds=40",
        "budgets=3",
        "--force",
    ]
    found, others = budget_of(words)
    assert found == Budget(None, 200, 40)
    assert others == ["+reg=[],dropout", "seed=range(3)", "budgets=3", "--force"]
    assert found.is_set
    assert not budget_of(others)[0].is_set


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["budget=2"], "budget: must be a time such as 2h, 30min, 90s or 1h30min, got 2"),
        (["budget="], "budget: must be a time such as .*, got nothing"),
        (["budget=0h"], "got 0h"),
        (["budget=-2h"], "got -2h"),
        (["budget=2h,3h"], "got 2h,3h"),
        (["budget=two hours"], "got two hours"),
        (["budget=9999999999d"], "got 9999999999d"),
        (["budget.jobs=0"], "budget.jobs: must be a whole number of at least 1, got 0"),
        (["budget.jobs=1.5"], "got 1.5"),
        (["budget.seeds=ten"], "budget.seeds: must be a whole number of at least 1, got ten"),
        (["budget.seeds=10", "budget.seeds=20"], "budget.seeds: given twice, as 10 and as 20"),
        (["budget.job=3"], "budget.job: there is no such budget; did you mean 'budget.jobs'"),
        (["budget.x=3"], "budget.x: there is no such budget"),
    ],
)
def test_a_wrong_budget_is_refused_in_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        budget_of(words)
    assert "\n" not in str(caught.value)


def test_jobs_are_counted_and_the_time_of_those_that_had_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.time", lambda: now)
    spent = Spending(Budget(seconds=3600, jobs=100), workers=2)
    spent.add(10, 600.0)  # two at once: 300 s of the clock
    now = 1060.0
    assert spent.seconds == 360
    assert spent.end == 1000 + 3600 - 300
    assert spent.jobs_left(None) == 90
    assert spent.jobs_left(72.0) == pytest.approx(90)  # 3240 s for two at once
    assert spent.jobs_left(144.0) == pytest.approx(45)
    assert spent.said(7) == "7 of 100 jobs, 0:06:00 of 1:00:00"


def test_without_a_budget_nothing_ends() -> None:
    spent = Spending(Budget(), workers=1)
    assert spent.jobs_left(5.0) == math.inf
    assert spent.end == math.inf
    assert clock(3723.4) == "1:02:03"
