"""Which runs a pruner gives up: on numbers worked out by hand."""

from __future__ import annotations

import pickle

import pytest

from regbench.studies.searching.pruning import Past, Pruning
from regbench.types import Record

EPOCHS = 9  # a third of them, 3, is trained by every run
METRIC, LOSS = "select/accuracy", "select/loss"


def history(*values: float, metric: str = METRIC) -> list[Record]:
    return [Record(epoch, {metric: value}) for epoch, value in enumerate(values, 1)]


def flat(*levels: float) -> tuple[Past, ...]:
    """Complete trials that had one score after each of the epochs."""
    return tuple(Past(dict.fromkeys(range(1, EPOCHS + 1), level), level) for level in levels)


FIVE = flat(0.5, 0.6, 0.7, 0.8, 0.9)  # the median is 0.7


def median(past: tuple[Past, ...] = FIVE, metric: str = METRIC, smaller: bool = False) -> Pruning:
    return Pruning("median", EPOCHS, metric, smaller, past)


def test_in_the_first_third_nothing_is_pruned() -> None:
    watch = median()
    assert watch(history(0.1)) == ""
    assert watch(history(0.1, 0.1)) == ""
    assert "0.1000 after epoch 3 of 9" in watch(history(0.1, 0.1, 0.1))


@pytest.mark.parametrize("pruner", ["median", "halving"])
@pytest.mark.parametrize(
    ("epochs", "first"), [(1, 1), (3, 1), (4, 2), (5, 2), (7, 3), (8, 3), (10, 4), (20, 7)]
)
def test_the_first_third_is_a_whole_third_where_three_do_not_divide_the_epochs(
    pruner: str, epochs: int, first: int
) -> None:
    past = tuple(
        Past(dict.fromkeys(range(1, epochs + 1), level), level) for level in (0.5, 0.6, 0.7, 0.8, 0.9)
    )
    for earlier in range(len(past)):  # halving goes by what those before it have noted
        watch = Pruning(pruner, epochs, METRIC, False, past[:earlier])
        noted = watch.noted(history(*past[earlier].steps.values()))
        past = (*past[:earlier], Past(past[earlier].steps, past[earlier].value, noted), *past[earlier + 1 :])
    watch = Pruning(pruner, epochs, METRIC, False, past)
    ends = [epoch for epoch in range(1, epochs + 1) if watch(history(*[0.1] * epoch))]
    assert ends[0] == first


@pytest.mark.parametrize(
    ("values", "is_pruned"),
    [
        ((0.1, 0.1, 0.69), True),
        ((0.1, 0.1, 0.70), False),  # as good as the median
        ((0.1, 0.75, 0.2), False),  # the best so far counts, not the last
        ((0.1, 0.1, 0.8, 0.2), False),
        ((0.1, 0.1, 0.1, 0.1), True),
    ],
)
def test_what_has_never_been_as_good_as_the_median_is_pruned(
    values: tuple[float, ...], is_pruned: bool
) -> None:
    assert bool(median()(history(*values))) == is_pruned


def test_of_a_loss_more_is_worse() -> None:
    past = flat(1.0, 2.0, 3.0, 4.0, 5.0)  # the median is 3
    past = tuple(Past(one.steps, -one.value if one.value else None) for one in past)
    for last, is_pruned in ((3.1, True), (2.9, False)):
        watch = median(past, LOSS, smaller=True)
        assert bool(watch(history(9.0, 9.0, last, metric=LOSS))) == is_pruned


def test_with_fewer_than_five_complete_trials_nothing_is_pruned() -> None:
    pruned = tuple(Past(one.steps, None) for one in flat(0.9, 0.9, 0.9))
    assert median(FIVE[:4])(history(0.0, 0.0, 0.0)) == ""
    assert median(FIVE[:4] + pruned)(history(0.0, 0.0, 0.0)) == ""
    assert median(pruned + FIVE)(history(0.0, 0.0, 0.0)) != ""


def test_trials_that_were_pruned_are_not_of_the_median() -> None:
    low = tuple(Past(one.steps, None) for one in flat(0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert median(FIVE + low)(history(0.1, 0.1, 0.69)) != ""


def test_a_watch_says_the_same_whenever_it_is_asked() -> None:
    whole = history(0.1, 0.1, 0.75, 0.6, 0.6)
    bit_by_bit = median()
    said = [bit_by_bit(whole[: count + 1]) for count in range(5)]
    assert said == [median()(whole[: count + 1]) for count in range(5)] == [""] * 5
    assert bit_by_bit(whole[:2]) == ""  # a run that went on from an earlier epoch
    assert bit_by_bit(history(0.1, 0.1, 0.1)) != ""


def test_it_travels_with_its_job() -> None:
    watch = median()
    assert watch(history(0.1, 0.1)) == ""
    sent = pickle.loads(pickle.dumps(watch))
    assert sent == watch
    assert sent(history(0.1, 0.1, 0.1)) == watch(history(0.1, 0.1, 0.1)) != ""


def test_an_epoch_without_the_metric_decides_nothing() -> None:
    assert median()([*history(0.1, 0.1), Record(3, {"train/loss": 1.0})]) == ""


def test_halving_goes_on_with_the_best_third_and_keeps_what_it_has_noted() -> None:
    """The first rung is after epoch 3: of up to five that are there the best goes on, of six the best two."""

    def run(past: list[Past], value: float) -> tuple[bool, Past]:
        lived = history(0.0, 0.0, value)
        watch = Pruning("halving", EPOCHS, METRIC, False, tuple(past))
        is_pruned = bool(watch(lived))
        again = Pruning("halving", EPOCHS, METRIC, False, tuple(past))  # another process, afterwards
        noted = again.noted(lived)
        assert noted == {"completed_rung_0": value}
        return is_pruned, Past({3: value}, None if is_pruned else value, noted)

    past: list[Past] = []
    found = []
    for value in (0.5, 0.4, 0.6, 0.55, 0.58, 0.59, 0.7):
        is_pruned, ended = run(past, value)
        found.append(is_pruned)
        past.append(ended)
    # 0.5 is alone; 0.4 is below it; 0.6 is the best of three; 0.55 and 0.58 are not of four and of five; of
    # six go on 0.6 and 0.59
    assert found == [False, True, False, True, True, False, False]


def test_nothing_is_noted_before_the_first_rung() -> None:
    assert Pruning("halving", EPOCHS, METRIC, False, ()).noted(history(0.9, 0.9)) == {}


def test_hyperband_prunes_none_before_its_first_rung() -> None:
    watch = Pruning("hyperband", 27, METRIC, False, flat(0.9, 0.9, 0.9, 0.9, 0.9))
    assert watch(history(0.1, 0.1)) == ""  # 27 / 9 = 3


def test_a_trial_is_in_the_bracket_of_its_own_number_whatever_its_batch() -> None:
    past = flat(0.5, 0.6)
    for number in range(2, 12):
        alone = Pruning("hyperband", 27, METRIC, False, (*past, *flat(*[0.5] * (number - 2))), number)
        in_a_batch = Pruning("hyperband", 27, METRIC, False, past, number)
        seen = [set(one.noted(history(*[0.9] * 26))) for one in (alone, in_a_batch)]
        assert seen[0] == seen[1]
