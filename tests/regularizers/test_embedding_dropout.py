import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.models.mlp import MLP
from regbench.models.rnn import RNN
from regbench.models.transformer import Transformer
from regbench.regularizers.embedding_dropout import EmbeddingDropout, Scope
from regbench.sites import Site
from regbench.streams import Clock, Stream

WORDS = 6


class FixedMask(Stream):
    """A stream that hands out one mask written down beforehand."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__(0, "embedding_dropout", Clock())
        self.fixed = mask

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        assert tuple(shape) == tuple(self.fixed.shape)
        return self.fixed.to(like.dtype, copy=True)


def member(p: float = 0.5, scope: Scope = "batch", clock: Clock | None = None) -> EmbeddingDropout:
    made = EmbeddingDropout(p=p, scope=scope)
    made.stream = Stream(0, "embedding_dropout", clock or Clock())
    return made


def table(words: int = WORDS, padding: int | None = 0) -> Site:
    """An embedding site in which every number of word w is w, padding aside."""
    site = Site("embedding", (4, 2), axis=1, body=nn.Embedding(words, 2, padding_idx=padding))
    site.body.weight.data = torch.arange(float(words))[:, None].repeat(1, 2)
    return site


def prepared(p: float = 0.5, scope: Scope = "batch", words: int = WORDS, clock: Clock | None = None) -> Site:
    site = table(words)
    member(p, scope, clock).prepare_model(nn.Sequential(site))
    return site


def test_one_draw_for_the_batch_by_hand():
    site = prepared(p=0.75)
    site.around[0].stream = FixedMask(torch.tensor([[1.0, 0, 1, 0, 1, 0]]))
    looked_up = site(torch.tensor([[1, 2, 3, 2], [2, 4, 0, 0]]))
    assert looked_up[..., 0].tolist() == [[0, 8, 0, 8], [8, 16, 0, 0]]
    assert torch.equal(looked_up[..., 0], looked_up[..., 1])


def test_one_draw_for_each_sequence_by_hand():
    site = prepared(p=0.5, scope="sequence")
    site.around[0].stream = FixedMask(torch.tensor([[1.0, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]]))
    looked_up = site(torch.tensor([[1, 2, 3, 2], [2, 3, 1, 0]]))
    assert looked_up[..., 0].tolist() == [[0, 4, 0, 4], [0, 6, 2, 0]]


def test_is_a_look_up_in_the_table_with_its_dropped_rows_set_to_zero():
    site, tokens = prepared(p=0.4), torch.randint(1, WORDS, (5, 4))
    nn.init.normal_(site.body.weight)
    mask = torch.tensor([1.0, 0, 1, 1, 0, 1])
    site.around[0].stream = FixedMask(mask[None])
    expected = F.embedding(tokens, mask[:, None] * site.body.weight / 0.6)
    torch.testing.assert_close(site(tokens), expected)


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_a_word_shares_its_fate_with_all_its_places(scope: Scope):
    tokens = torch.arange(1, 201).repeat(2).expand(50, -1)  # each word twice in each of 50 rows
    fates = prepared(scope=scope, words=201)(tokens)[..., 0] > 0
    assert torch.equal(fates[:, :200], fates[:, 200:])
    rows = fates.unique(dim=0).shape[0]
    assert rows == (1 if scope == "batch" else 50)


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_drops_a_share_of_p_of_the_words_and_scales_the_kept(scope: Scope):
    p, words, rows = 0.3, 20_001, 3
    site = prepared(p, scope, words)
    site.body.weight.data[1:] = 1.0
    looked_up = site(torch.arange(1, words).expand(rows, -1))[..., 0]
    assert looked_up.unique().tolist() == pytest.approx([0, 1 / 0.7])
    count = words - 1 if scope == "batch" else rows * (words - 1)
    dropped = (looked_up[:1] if scope == "batch" else looked_up).eq(0).sum().item()
    assert abs(dropped - p * count) < 5 * math.sqrt(p * (1 - p) * count)


def test_the_gradient_of_a_dropped_word_is_zero_and_of_a_kept_one_its_count_over_q():
    site = prepared(p=0.75)
    site.around[0].stream = FixedMask(torch.tensor([[1.0, 0, 1, 0, 1, 1]]))
    site(torch.tensor([[1, 2, 3, 2], [2, 4, 0, 0]])).sum().backward()
    assert site.body.weight.grad[:, 0].tolist() == [0, 0, 12, 0, 4, 0]


def test_leaves_the_vector_of_the_padding_as_it_is():
    member(p=0.5).prepare_model(nn.Sequential(site := table(padding=None)))
    site.body.weight.data[0] = 7.0
    for draw in (0.0, 1.0):
        site.around[0].stream = FixedMask(torch.full((1, WORDS), draw))
        assert site(torch.tensor([[0, 1]]))[0, :, 0].tolist() == [7, 2 * draw]


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_evaluation_is_the_look_up_and_the_table_stays_what_it_was(scope: Scope):
    site, tokens = prepared(scope=scope), torch.randint(0, WORDS, (3, 4))
    before = site.body.weight.clone()
    site(tokens)
    assert torch.equal(site.eval()(tokens), before[tokens])
    assert torch.equal(site.body.weight, before)


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_another_moment_draws_other_words_and_the_same_one_the_same(scope: Scope):
    tokens, clock = torch.arange(1, 100)[None], Clock()
    first = prepared(scope=scope, words=100)(tokens)
    again = prepared(scope=scope, words=100, clock=clock)
    assert torch.equal(again(tokens), first)
    clock.passes = 1
    assert not torch.equal(again(tokens), first)


@pytest.mark.parametrize("scope", ["batch", "sequence"])
def test_trains_both_models_of_text(scope: Scope):
    tokens = torch.randint(1, 9, (5, 6))
    for model in (
        RNN((6,), 3, 9, "lstm", 4, 4, 1),
        Transformer((6,), 3, 9, 4, 1, 2, None, 1, "layer"),
    ):
        logits = model(tokens)
        noisy = member(scope=scope).prepare_model(model)(tokens)
        assert noisy.shape == logits.shape
        assert not torch.allclose(noisy, logits)
        torch.testing.assert_close(model.eval()(tokens), logits)


def test_probability_zero_leaves_the_model_alone():
    assert prepared(p=0.0).untouched


def test_refuses_models_without_words():
    with pytest.raises(ValueError, match=r"^MLP has no 'embedding' site$"):
        member().prepare_model(MLP((4,), 2, 4, 1, "none"))
    patches = Transformer((1, 4, 4), 2, None, 4, 1, 1, 2, 1, "none")
    said = r"^the embedding site embedding must hold a table of words \(nn.Embedding\), got Patches$"
    with pytest.raises(ValueError, match=said):
        member().prepare_model(patches)


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        member(p=p)
