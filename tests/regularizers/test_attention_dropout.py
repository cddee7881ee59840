import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.models.mlp import MLP
from regbench.models.transformer import Transformer
from regbench.regularizers.attention_dropout import AttentionDropout, DropLogits, DropProbabilities, What
from regbench.sites import sites
from regbench.streams import Clock, Stream

INF = float("inf")
SOFTMAX = nn.Softmax(-1)


class Fixed(Stream):
    """A stream that hands out draws written down beforehand."""

    def __init__(self, draws: Tensor) -> None:
        super().__init__(0, "attention_dropout", Clock())
        self.draws = draws

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        return self.draws.to(like.dtype)

    def uniform(self, shape: object, device: object = "cpu") -> Tensor:
        return self.draws


def member(**fields: object) -> AttentionDropout:
    made = AttentionDropout(**({"p": 0.5, "what": "probabilities", "where": "default"} | fields))
    made.stream = Stream(0, "attention_dropout", Clock())
    return made


def text_model(share_layers: int = 1) -> Transformer:
    torch.manual_seed(0)
    return Transformer((6,), 3, 10, 8, 2, 2, None, share_layers, "layer")


def stream() -> Stream:
    return Stream(0, "attention_dropout", Clock())


def test_probabilities_agree_with_torch_given_its_mask():
    probabilities = torch.randn(3, 2, 5, 5).softmax(-1)
    torch.manual_seed(0)
    theirs = F.dropout(probabilities, 0.3)
    torch.testing.assert_close(DropProbabilities(0.3, Fixed(theirs != 0))(probabilities), theirs)


def test_probabilities_lose_a_share_of_p_and_mix_values_as_without_on_average():
    p, rows = 0.3, 20_000
    probabilities = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(rows, 4)
    values = torch.tensor([[1.0], [-2.0], [3.0], [5.0]])  # A V = 0.1 - 0.4 + 0.9 + 2
    dropped = DropProbabilities(p, stream())(probabilities)
    count = dropped.numel()
    assert abs((dropped == 0).sum().item() - p * count) < 5 * math.sqrt(p * (1 - p) * count)
    deviation = math.sqrt(p / (1 - p) * (0.01 + 0.16 + 0.81 + 4))
    assert (dropped @ values).mean().item() == pytest.approx(2.6, abs=5 * deviation / math.sqrt(rows))


def test_logits_are_dropped_by_hand():
    logits = torch.tensor([[[[0.0, math.log(3), math.log(2)]]]])
    hide = DropLogits(0.5, Fixed(torch.tensor([[[[0.9, 0.2, 0.5]]]])))
    assert hide(SOFTMAX, logits).flatten().tolist() == pytest.approx([1 / 3, 0, 2 / 3])
    lone = DropLogits(0.5, Fixed(torch.tensor([[[[0.1, 0.4, 0.3]]]])))  # all lost: the largest draw stays
    assert lone(SOFTMAX, logits).flatten().tolist() == [0, 1, 0]


def test_rows_of_the_logits_form_sum_to_one_and_lose_the_share_of_the_definition():
    p, rows, keys = 0.6, 20_000, 3
    dropped = DropLogits(p, stream())(SOFTMAX, torch.randn(rows, keys))
    torch.testing.assert_close(dropped.sum(-1), torch.ones(rows))
    share = p - p**keys / keys
    lost = (dropped == 0).float().mean().item()
    assert lost == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / rows))


def test_every_row_keeps_a_key_whichever_it_is():
    rows, keys = 3000, 4
    dropped = DropLogits(0.99, stream())(SOFTMAX, torch.tensor([5.0, 0.0, 0.0, -INF]).expand(rows, keys))
    torch.testing.assert_close(dropped.sum(-1), torch.ones(rows))
    assert (dropped[:, 3] == 0).all()  # padding
    survivors = (dropped[:, :3] > 0).float().mean(0)
    # alone with probability (1 - 0.99^3) / 3 or so: each of three about as often, however large its logit
    assert (survivors - 1 / 3).abs().max() < 5 * math.sqrt(2 / 9 / rows) + 0.01


def test_a_row_of_nothing_but_padding_is_as_without():
    seen = []
    hide = DropLogits(0.5, stream())
    hide(lambda logits: seen.append(logits) or logits, torch.full((1, 1, 2, 3), -INF))
    assert torch.equal(seen[0], torch.full((1, 1, 2, 3), -INF))


def test_a_dropped_key_has_no_gradient():
    logits = torch.randn(1, 1, 1, 3, requires_grad=True)
    hide = DropLogits(0.5, Fixed(torch.tensor([[[[0.9, 0.2, 0.6]]]])))
    hide(SOFTMAX, logits)[..., 0].sum().backward()
    one, other = logits.detach()[0, 0, 0, [0, 2]].softmax(0)  # the two kept keys share what there is
    slope = float(one * other)
    torch.testing.assert_close(logits.grad.flatten(), torch.tensor([slope, 0.0, -slope]))


@pytest.mark.parametrize("what", ["probabilities", "logits"])
def test_evaluation_is_torchs_attention_without_dropout(what: What):
    model = text_model()
    attention = member(p=0.9, what=what).prepare_model(model).eval().blocks[0].attention.body.attention
    model.padding.see(torch.tensor([6, 2]), 6)
    tokens = torch.randn(2, 6, 8)
    query, key, value = (
        part.unflatten(2, (2, 4)).transpose(1, 2) for part in attention.entering(tokens).chunk(3, 2)
    )
    words = (torch.arange(6) < torch.tensor([[6], [2]]))[:, None, None]
    mixed = F.scaled_dot_product_attention(query, key, value, words, dropout_p=0)
    torch.testing.assert_close(attention(tokens), attention.leaving(mixed.transpose(1, 2).flatten(2)))


@pytest.mark.parametrize("what", ["probabilities", "logits"])
def test_padding_has_no_say_in_training_either(what: What):
    model = member(what=what).prepare_model(text_model())
    seen: list[Tensor] = []
    for _, site in sites(model, "attention"):
        site.register_forward_hook(lambda module, inputs, outputs: seen.append(outputs))
    model(torch.tensor([[2, 3, 4, 5], [6, 7, 0, 0]]))
    assert all((outputs[1, :, :, 2:] == 0).all() for outputs in seen)
    assert all((outputs[0] != 0).any() and outputs.isfinite().all() for outputs in seen)
    if what == "logits":
        assert all((outputs.sum(-1) - 1).abs().max() < 1e-6 for outputs in seen)


@pytest.mark.parametrize("what", ["probabilities", "logits"])
def test_sites_uses_and_moments_draw_apart(what: What):
    clock = Clock()
    made = AttentionDropout(p=0.5, what=what, where="all")
    made.stream = Stream(0, "attention_dropout", clock)
    model = made.prepare_model(text_model(share_layers=2))  # its only block is used twice
    (pair,) = sites(model, "attention")
    seen: list[Tensor] = []
    pair[1].register_forward_hook(lambda module, inputs, outputs: seen.append(outputs == 0))
    rows = torch.randint(2, 10, (8, 6))
    model(rows)
    model(rows)  # the same moment goes on drawing, another one begins anew
    clock.step = 1
    model(rows)
    clock.step = 0
    model(rows)
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[4])
    assert torch.equal(seen[0], seen[6])
    assert torch.equal(seen[1], seen[7])


@pytest.mark.parametrize(("where", "blocks"), [("default", [0, 1]), ("last", [1]), ([0], [0])])
@pytest.mark.parametrize("what", ["probabilities", "logits"])
def test_acts_where_it_is_told_and_leaves_the_fused_attention_elsewhere(
    what: What, where: object, blocks: list[int]
):
    model = member(what=what, where=where).prepare_model(text_model())
    touched = [i for i, (_, site) in enumerate(sites(model, "attention")) if not site.untouched]
    assert touched == blocks


def test_probability_zero_leaves_the_model_alone():
    model = member(p=0.0).prepare_model(text_model())
    assert all(site.untouched for _, site in sites(model, "attention"))


@pytest.mark.parametrize("what", ["probabilities", "logits"])
def test_refuses_a_model_without_attention(what: What):
    with pytest.raises(ValueError, match=r"^MLP has no 'attention' site$"):
        member(what=what).prepare_model(MLP((4,), 2, 4, 1, "none"))


def test_refuses_the_input_and_probabilities_outside_their_range():
    with pytest.raises(ValueError, match=r"^where must name attention sites, got input$"):
        member(where="input")
    for p in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
            member(p=p)
