"""The plan's arithmetic, by hand: two workers, 600 seconds, of which the race has 200 and the search 300."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from regbench.analysis.advising import Acting
from regbench.errors import ConfigError
from regbench.studies.advising.fitting import CONFIRMED, LEAST_RUNS, Asked, fit, search_settings

ASKED = Asked(
    seconds=600.0,
    planning=10.0,
    workers=2,
    epochs=20,
    typed=False,
    baseline=1.0,
    acting=[Acting("slow", 6.0), Acting("quick", 2.0), Acting("middle", 3.0)],
)


def names(several: list[Acting]) -> list[str]:
    return [one.option for one in several]


def test_what_fits_is_left_whole() -> None:
    found = fit(ASKED)
    # race: 400 seconds of a worker, 1 + 6 + 2 + 3 = 12 each seed; search: 600, of runs of 3 on the mean
    assert (found.seeds, found.runs) == (33, 200)
    assert (found.race_epochs, found.epochs) == (20, 20)
    assert names(found.acting) == ["slow", "quick", "middle"]
    assert (found.dropped, found.said) == ([], [])


def test_a_verdict_takes_seven_seeds_of_both_in_a_part_of_the_search() -> None:
    # 6 alike differences are held by 2^6 = 64 to 1 at best; the test's own stake is smaller, so 7 or more
    assert CONFIRMED >= 6
    assert 0.15 * LEAST_RUNS >= 2 * CONFIRMED > 0.15 * (LEAST_RUNS - 1)


def test_epochs_of_the_race_are_lowered_first_and_it_is_said() -> None:
    slow = replace(ASKED, acting=[Acting(f"t{number}", 3.0) for number in range(50)])
    # 151 s of each seed; 400 s are 3 seeds of 133.3: 20 * 133.3 / 151 = 17.66; runs 600 / (151 / 51) = 202
    found = fit(slow)
    assert (found.race_epochs, found.epochs, found.seeds, found.runs) == (17, 20, 3, 202)
    (said,) = found.said
    assert "runs of the race have 17 epochs and not 20" in said
    # they are lowered to a quarter, and no further
    none = replace(slow, seconds=30.0 + 130.0)
    # race: 106.7 s of a worker; 3 seeds of 151 take 453 with 20: 4.7, below 5, so techniques must go
    found = fit(none)
    assert (found.race_epochs, len(found.acting)) == (5, 47)  # 106.67 / 3 * 4 = 142.2 = 1 + 3 * 47.07
    assert len(found.dropped) == 3


def test_epochs_that_are_typed_stay_and_the_slowest_techniques_go() -> None:
    asked = replace(ASKED, typed=True, seconds=60.0)
    # race: 40 s of a worker are 3 seeds of 12 (36): all fit; search: 60 s are 20 runs of 3: too few, always
    with pytest.raises(ConfigError, match="budget: must be at least about"):
        fit(asked)
    asked = replace(
        ASKED, typed=True, seconds=600.0, baseline=10.0, acting=[*ASKED.acting, Acting("sam", 200.0)]
    )
    # 221 s each seed, and 400 s are one; without the slowest 21 s, and 19; runs: 600 / (21 / 4) = 114
    found = fit(asked)
    assert (found.race_epochs, found.epochs, found.seeds, found.runs) == (20, 20, 19, 114)
    assert names(found.dropped) == ["sam"]
    (said,) = found.said
    assert "3 techniques are raced, those whose runs take the least time" in said
    assert said.endswith("1 more could act")


def test_a_refusal_names_a_budget_that_would_do() -> None:
    asked = replace(ASKED, seconds=5.0)
    with pytest.raises(ConfigError) as caught:
        fit(asked)
    found = re.search(
        r"at least about ([\d.]+) s for .* a run of 20 epochs takes 1.0 s, got 15.0 s", str(caught.value)
    )
    assert found
    # the quickest and none take 3 s with 20 epochs, 0.75 with 5: LEAST_RUNS of half of that on 2 workers in
    # half of the time, and the 10 s of the plan
    needed = 10 + LEAST_RUNS * 0.375 / 2 * 2
    assert float(found[1]) == pytest.approx(needed, abs=0.06)
    assert fit(replace(asked, seconds=needed - 10 + 0.01)).acting == [Acting("quick", 2.0)]


def test_what_first_runs_take_beside_is_planned_for() -> None:
    first = replace(ASKED, firsts={"slow": 60.0, "quick": 50.0, "middle": 40.0})
    # race: 200 s less 150 are 100 of a worker, 12 each seed; search: 600, of runs of (12 + 90) / 4 = 25.5
    assert (first.seeds(20, first.acting), first.runs(20, first.acting)) == (8, 23)
    # where they leave too little for 3 seeds techniques go: 190 s of slow take the time, not its epochs
    found = fit(replace(first, typed=True, firsts={"slow": 190.0}))
    assert (names(found.acting), found.seeds) == (["quick", "middle"], 66)


def test_what_is_fixed_of_a_run_is_not_saved_by_fewer_epochs() -> None:
    found = replace(ASKED, fixed=1.0)
    # of 1 + 6 + 2 + 3 seconds 4 are fixed; of the other 8 a quarter of the epochs leaves 2
    assert found.each(20, found.acting) == 12.0
    assert found.each(5, found.acting) == 6.0


def test_a_refusal_counts_what_is_fixed_and_what_comes_first() -> None:
    asked = replace(ASKED, seconds=5.0, fixed=1.0, firsts={"quick": 20.0}, acting=[Acting("quick", 2.0)])
    with pytest.raises(ConfigError) as caught:
        fit(asked)
    # none takes 1 and the quickest 1.25 with 5 epochs, and 20 are first, of 60 % of the LEAST_RUNS
    needed = 10 + LEAST_RUNS * (2.25 + 12) / 2 / 2 * 2
    found = re.search(r"at least about (\d+) min (\d+) s", str(caught.value))
    assert found
    assert int(found[1]) * 60 + int(found[2]) == pytest.approx(needed, abs=0.6)
    assert names(fit(replace(asked, seconds=needed - 10 + 0.01)).acting) == ["quick"]


@pytest.mark.parametrize(
    ("runs", "finalists", "seeds", "fresh"),
    # 15 % are for finalists of two arms, of which 60 % may be filled, and 25 % for fresh seeds of two
    [
        (200, 3, 3, 25),
        (199, 2, 3, 24),
        (133, 2, 2, 20),
        (88, 1, 2, 20),
        (10, 1, 2, 20),
        (400, 3, 3, 50),
        (9999, 3, 3, 60),
    ],
)
def test_a_search_has_as_many_finalists_as_fit(runs: int, finalists: int, seeds: int, fresh: int) -> None:
    found = search_settings(runs, 60.0, "search")
    assert (found.finalists, found.finalist_seeds, found.confirm_seeds) == (finalists, seeds, fresh)
    assert (found.seconds, found.study, found.trials) == (60.0, "search", None)
