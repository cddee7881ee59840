import math

import pytest
import torch
from torch import Tensor

from regbench.regularizers.word_dropout import WordDropout
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


class Written(Stream):
    """A stream that hands out the draws written down beforehand."""

    def __init__(self, draws: list[list[float]]) -> None:
        super().__init__(0, "word_dropout", Clock())
        self.draws = torch.tensor(draws)

    def uniform(self, shape: object, device: object = "cpu") -> Tensor:
        assert tuple(shape) == tuple(self.draws.shape)
        return self.draws.clone()


def member(p: float = 0.3, mode: str = "replace", step: int = 0) -> WordDropout:
    made = WordDropout(p=p, mode=mode)
    made.stream = Stream(0, "word_dropout", Clock(step=step))
    return made


def shown(made: WordDropout, tokens: Tensor) -> Tensor:
    return made.transform_batch(Batch(tokens, torch.eye(len(tokens)))).inputs


def by_hand(mode: str, rows: list[list[int]], draws: list[list[float]]) -> list[list[int]]:
    made = WordDropout(p=0.5, mode=mode)
    made.stream = Written(draws)
    return shown(made, torch.tensor(rows)).tolist()


# 1 to 4 are lost where their draw lies below 0.5; the third row loses both its words, the fourth has none
ROWS = [[7, 8, 9, 6, 5], [4, 3, 2, 0, 0], [6, 5, 0, 0, 0], [0, 0, 0, 0, 0]]
DRAWS = [
    [0.9, 0.1, 0.5, 0.4, 0.7],
    [0.2, 0.6, 0.8, 0.1, 0.9],
    [0.1, 0.3, 0.9, 0.9, 0.9],
    [0.1, 0.9, 0.1, 0.9, 0.1],
]


def test_replaces_words_by_the_unknown_word_by_hand():
    expected = [[7, 1, 9, 1, 5], [1, 3, 2, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert by_hand("replace", ROWS, DRAWS) == expected


def test_deletes_words_and_closes_the_gaps_by_hand():
    expected = [[7, 9, 5, 0, 0], [3, 2, 0, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert by_hand("delete", ROWS, DRAWS) == expected


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_a_share_of_p_of_the_words_is_lost(mode: str):
    p, rows, length = 0.3, 200, 50
    found = shown(member(p, mode), torch.full((rows, length), 7))
    lost = (found != 7).sum().item()  # all of 50 words are lost with a probability of 0.3^50
    assert abs(lost - p * rows * length) < 5 * math.sqrt(p * (1 - p) * rows * length)


def test_every_place_and_every_row_loses_words_on_its_own():
    lost = (shown(member(0.5), torch.full((400, 20), 7)) == 1).double()
    assert (lost.mean(0) - 0.5).abs().max() < 5 * 0.5 / 400**0.5
    together = lost.T @ lost / 400  # 1/4 of the rows lose two given words
    together.fill_diagonal_(0.25)
    assert (together - 0.25).abs().max() < 5 * (0.25 * 0.75 / 400) ** 0.5


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_padding_is_never_touched(mode: str):
    tokens = torch.randint(2, 99, (100, 12), generator=torch.Generator().manual_seed(0))
    tokens[:, 5:] = 0
    found = shown(member(0.5, mode), tokens)
    assert not found[:, 5:].any()
    if mode == "replace":
        assert (found[:, :5] != 0).all()


def test_deletion_keeps_the_order_and_leaves_padding_at_the_end_alone():
    tokens = torch.arange(2, 22).repeat(100, 1)
    for row in shown(member(0.5, "delete"), tokens).tolist():
        words = [word for word in row if word]
        assert words == sorted(set(words))
        assert row == words + [0] * (20 - len(words))


def test_of_a_sentence_that_loses_every_word_a_random_one_stays():
    tokens = torch.tensor([[2, 3, 4, 0]]).repeat(3000, 1)
    found = shown(member(0.999, "delete"), tokens)
    assert (found[:, 0] != 0).all()
    counts = torch.bincount(found[found[:, 1] == 0, 0], minlength=5)[2:]
    assert (counts - 1000).abs().max() < 5 * (3000 * 1 / 3 * 2 / 3) ** 0.5


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_empty_sentences_stay_empty(mode: str):
    assert not shown(member(0.9, mode), torch.zeros(50, 4, dtype=torch.int64)).any()


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_the_given_tokens_and_targets_stay_as_they_are(mode: str):
    tokens, targets = torch.full((30, 9), 7), torch.full((30, 2), 0.5)
    batch = member(0.5, mode).transform_batch(Batch(tokens, targets))
    assert (tokens == 7).all()
    assert batch.targets is targets
    assert (batch.inputs.dtype, batch.inputs.shape) == (torch.int64, (30, 9))


def test_words_lost_at_a_small_p_are_lost_at_a_larger_one():
    tokens = torch.full((50, 20), 7)
    few, many = (shown(member(p), tokens) == 1 for p in (0.2, 0.6))
    assert few.any()
    assert many[few].all()


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_another_step_loses_other_words_and_the_same_one_the_same(mode: str):
    tokens = torch.arange(2, 42).repeat(5, 1)
    first = shown(member(0.5, mode), tokens)
    assert torch.equal(shown(member(0.5, mode), tokens), first)
    assert not torch.equal(shown(member(0.5, mode, step=1), tokens), first)


@pytest.mark.parametrize("mode", ["replace", "delete"])
def test_works_where_the_batch_is(mode: str, device: torch.device):
    found = shown(member(0.5, mode), torch.full((8, 30), 7, device=device))
    assert found.device.type == device.type
    lost = (found != 7).sum().item()  # 120 of 240, give or take 5 deviations
    assert abs(lost - 120) < 5 * 60**0.5


def test_probability_zero_returns_the_batch_itself():
    batch = Batch(torch.full((2, 3), 7), torch.eye(2))
    assert member(0.0).transform_batch(batch) is batch


def test_refuses_rows_that_are_no_token_ids():
    pixels = Split(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), 2)
    said = "^word_dropout needs token ids, as of a text dataset, got torch.uint8 inputs without a vocabulary$"
    with pytest.raises(ValueError, match=said):
        member().check_data(pixels)
    member(0.0).check_data(pixels)
    tokens = Split(torch.ones(4, 3, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), 2, vocabulary=9)
    member().check_data(tokens)


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        member(p)
