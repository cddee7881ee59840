"""Sites in models that mark none: what is found, what acts there, and that nothing else changes."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.marking.attending import Attending, Probabilities
from regbench.nn.marking.mark import mark
from regbench.nn.marking.marked import Behind, Marked, Residual
from regbench.nn.marking.turns import Turns
from regbench.nn.snapshots import WithWeights
from regbench.sites import Site, sites
from regbench.weights import load_plain_state, plain_name, plain_state, regularized_weights

Found = dict[str, tuple[str, tuple[int, ...], int]]


class Basic(nn.Module):
    """A residual block that ends in the activation that it also holds, as torchvision's do."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.relu(self.bn1(self.conv1(x))))
        out += x
        return self.relu(out)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.GELU()
        self.blocks = nn.Sequential(Basic(), Basic())
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.blocks(self.act(self.stem(x))).mean((2, 3)))


ROWS = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def marked(net: nn.Module, rows: Tensor = ROWS, **wanted: Any) -> nn.Module:
    mark(net, rows, wanted)
    return net


def found(net: nn.Module) -> Found:
    named = [(plain_name(name), module) for name, module in net.named_modules() if isinstance(module, Site)]
    return {name: (site.kind, site.shape, site.axis) for name, site in named}


class Zero(nn.Module):
    """Around a site: run what stands there, and put out zeros."""

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        return torch.zeros_like(body(inputs))


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor


# --- what is found


def test_each_kind_is_found_by_type_with_its_shape() -> None:
    map_ = (4, 6, 6)
    assert found(marked(Net())) == {
        "act": ("hidden", map_, 0),
        "blocks.0": ("branch", map_, 0),
        "blocks.0.bn1": ("norm", map_, 0),
        "blocks.0.relu.0": ("hidden", map_, 0),
        "blocks.0.relu.1": ("hidden", map_, 0),
        "blocks.1": ("branch", map_, 0),
        "blocks.1.bn1": ("norm", map_, 0),
        "blocks.1.relu.0": ("hidden", map_, 0),
        "blocks.1.relu.1": ("hidden", map_, 0),
    }


def test_noise_acts_at_the_last_activation_alone_unless_told_where() -> None:
    hidden = sites(marked(Net()), "hidden")
    assert [site.default for _, site in hidden] == [False, False, False, False, True]
    assert hidden[-1][0].endswith("blocks.1._marked_module.relu.1")


def test_sites_come_in_the_order_in_which_they_run() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.ReLU(), nn.Tanh()
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.last(self.first(x)))

    assert [name for name, _ in sites(marked(Backwards(), torch.randn(2, 3)), "hidden")] == ["first", "last"]


def test_no_module_is_a_residual_block_that_only_keeps_its_inputs_shape() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 2))
    assert found(marked(net, torch.randn(2, 3))) == {"1.1": ("hidden", (3,), 0)}


def test_the_places_where_a_row_passes_whole_are_known() -> None:
    hidden = {plain_name(name): site.separates for name, site in sites(marked(Net()), "hidden")}
    assert hidden == {
        "act": True,
        "blocks.0.relu.0": False,
        "blocks.0.relu.1": True,
        "blocks.1.relu.0": False,
        "blocks.1.relu.1": True,
    }


def test_activations_of_a_gate_are_no_places_for_noise() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()
            self.fc1, self.fc2 = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()

    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), Gate(), nn.Flatten(), nn.Linear(144, 2))
    assert found(marked(net)) == {"1": ("hidden", (4, 6, 6), 0)}


def test_the_channels_are_last_behind_a_dense_layer_and_first_behind_a_convolution() -> None:
    class Last(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1)

    net = nn.Sequential(
        nn.Conv2d(3, 4, 1),
        nn.ReLU(),
        Last(),
        nn.LayerNorm(4),
        nn.Linear(4, 8),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(288, 2),
    )
    assert found(marked(net)) == {
        "1": ("hidden", (4, 6, 6), 0),
        "3": ("norm", (6, 6, 4), 2),
        "5": ("hidden", (6, 6, 8), 2),
    }


def test_where_no_activation_has_maps_convolutions_have_them() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 3), nn.Flatten(), nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 2))
    assert found(marked(net)) == {"0": ("hidden", (4, 2, 2), 0), "3": ("hidden", (8,), 0)}
    assert isinstance(net[0], Behind)
    assert [site.default for _, site in sites(net, "hidden")] == [False, True]


def test_the_embedding_is_the_table_that_is_asked_for_the_inputs() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(9, 4), nn.Embedding(5, 4)
            self.head = nn.Linear(4, 2)

        def forward(self, ids: Tensor) -> Tensor:
            places = torch.arange(ids.shape[1]).expand(ids.shape)
            return self.head((self.words(ids) + self.places(places)).mean(1))

    rows = torch.tensor([[3, 1, 4, 1, 5], [2, 7, 1, 8, 2]])
    assert found(marked(Words(), rows)) == {"words": ("embedding", (5, 4), 1)}


# --- nothing changes


@pytest.mark.parametrize("training", [True, False])
def test_a_marked_model_computes_what_it_did_to_the_bit(training: bool) -> None:
    plain = Net()
    net = marked(copy.deepcopy(plain))
    for model in (plain, net):
        model.train(training)
        out = model(ROWS)
        out.square().sum().backward()
    assert torch.equal(plain(ROWS), net(ROWS))
    pairs = zip(plain.parameters(), net.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)  # type: ignore[arg-type]


def test_the_names_of_its_state_stay_those_of_the_plain_model_and_load_both_ways() -> None:
    plain, other = Net(), Net()
    net = marked(copy.deepcopy(plain))
    assert set(net.state_dict()) == set(plain.state_dict()) == set(plain_state(net))
    net.load_state_dict(other.state_dict())
    assert all(torch.equal(net.state_dict()[n], t) for n, t in other.state_dict().items())
    load_plain_state(net, dict(plain.state_dict()))
    fresh = Net()
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(fresh.eval()(ROWS), plain.eval()(ROWS))


def test_names_that_are_unknown_or_missing_are_still_refused() -> None:
    net, state = marked(Net()), Net().state_dict()
    with pytest.raises(RuntimeError, match="Unexpected key"):
        net.load_state_dict(state | {"blocks.0.other": torch.zeros(1)})
    del state["blocks.0.conv1.weight"]
    with pytest.raises(RuntimeError, match="Missing key"):
        net.load_state_dict(state)


def test_weights_under_a_site_are_the_same_parameters_and_found_as_before() -> None:
    plain = Net()
    before = [id(p) for p in plain.parameters()]
    weights = [name for name, _ in regularized_weights(plain)]
    net = marked(plain)
    assert [id(p) for p in net.parameters()] == before
    assert [plain_name(name) for name, _ in regularized_weights(net)] == weights


def test_what_acts_at_a_site_keeps_its_own_tensors_beside_the_models() -> None:
    net = marked(Net())
    net.get_submodule("blocks.0").after.append(nn.BatchNorm2d(4))  # type: ignore[operator, union-attr]
    state = net.state_dict()
    assert "blocks.0.after.0.weight" in state
    assert "blocks.0.conv1.weight" in state
    other = marked(Net())
    other.get_submodule("blocks.0").after.append(nn.BatchNorm2d(4))  # type: ignore[operator, union-attr]
    other.load_state_dict(state)
    assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in state.items())


def test_a_parent_reads_its_modules_as_before() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.head = nn.LayerNorm(3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(x) * self.norm.weight + self.norm.eps)

    net = marked(Reads(), torch.randn(2, 3))
    assert isinstance(net.norm, Marked)
    assert net.norm.normalized_shape == (3,)
    with pytest.raises(AttributeError, match="nothing"):
        net.norm.nothing  # noqa: B018


def test_a_module_may_have_attributes_of_a_sites_names() -> None:
    class Odd(Basic):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.after = nn.Conv2d(4, 4, 1), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = self.body(self.relu(self.conv1(x)))
            return self.relu(out + x)

    plain = nn.Sequential(nn.Conv2d(3, 4, 1), Odd(), nn.Flatten(), nn.Linear(144, 2))
    net = marked(copy.deepcopy(plain))
    assert isinstance(net[1], Residual)
    assert set(net.state_dict()) == set(plain.state_dict())
    net.load_state_dict(plain.state_dict())
    assert torch.equal(net.eval()(ROWS), plain.eval()(ROWS))


def test_a_copy_is_independent() -> None:
    net = marked(Net())
    other = copy.deepcopy(net)
    dict(sites(other, "hidden"))["blocks.0._marked_module.relu.1"].after.append(Scale(0))
    assert not torch.equal(net.eval()(ROWS), other.eval()(ROWS))
    assert torch.equal(net(ROWS), net(ROWS))
    assert torch.equal(other(ROWS), other(ROWS)), "each has turns of its own"


def test_a_snapshot_computes_with_its_own_tensors_under_sites_too() -> None:
    plain, net = Net().eval(), marked(Net()).eval()
    snapshot = WithWeights(net, plain.state_dict())
    torch.testing.assert_close(snapshot(ROWS), plain(ROWS))
    assert set(snapshot.state_dict()) == set(plain.state_dict())


# --- a whole block as a branch


def test_a_dropped_row_of_a_block_is_its_input_to_the_bit() -> None:
    net = nn.Sequential(nn.ReLU(), Basic(), nn.Flatten())
    rows = torch.randn(2, 4, 3, 3)
    marked(net, rows)
    net[1].around.append(Zero())
    assert torch.equal(net(rows), rows.relu().flatten(1))


def test_a_block_that_is_scaled_lies_between_its_input_and_its_output() -> None:
    block = nn.Sequential(Basic(), nn.Flatten())
    rows = torch.rand(2, 4, 3, 3)
    plain = copy.deepcopy(block).eval()(rows)
    marked(block, rows).eval()
    block[0].after.append(Scale(0.25))
    torch.testing.assert_close(block(rows), rows.flatten(1) + 0.25 * (plain - rows.flatten(1)))


def test_a_block_that_is_skipped_need_not_be_computed() -> None:
    class Skip(nn.Module):
        def forward(self, body: Any, inputs: Tensor) -> Tensor:
            return torch.zeros_like(inputs)

    block = nn.Sequential(Basic())
    rows = torch.rand(2, 4, 3, 3)
    marked(block, rows)
    block[0].around.append(Skip())
    assert torch.equal(block(rows), rows)
    assert int(block[0].bn1.num_batches_tracked) == 0


def test_a_block_that_returns_a_tuple_does_where_it_is_skipped_too() -> None:
    class Tupled(Basic):
        def forward(self, x: Tensor) -> tuple[Tensor]:  # type: ignore[override]
            return (super().forward(x),)

    class Takes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Tupled()

        def forward(self, x: Tensor) -> Tensor:
            return self.block(x)[0].flatten(1)

    class Skip(nn.Module):
        def forward(self, body: Any, inputs: Tensor) -> Tensor:
            return torch.zeros_like(inputs)

    net, rows = Takes(), torch.rand(2, 4, 3, 3)
    plain = net.eval()(rows)
    marked(net, rows).eval()
    assert isinstance(net.block, Residual)
    net.block.after.append(Scale(1.0))
    torch.testing.assert_close(net(rows), plain)
    net.block.around.append(Skip())
    assert torch.equal(net(rows), rows.flatten(1))


def test_a_marked_model_can_be_pickled() -> None:
    net = marked(Net())
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.equal(again(ROWS), net(ROWS))
    assert dict(sites(again, "hidden")).keys() == dict(sites(net, "hidden")).keys()


def test_a_layer_that_says_which_weights_it_has_says_it_once() -> None:
    class Layer(nn.Module):
        regularized = ("weight",)

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight

    net = marked(nn.Sequential(Layer(), nn.Flatten()), torch.randn(2, 3), hidden=["0"])
    assert [name for name, _ in regularized_weights(net)] == ["0._marked_module.weight"]


def test_a_block_that_is_normalized_behind_its_sum_is_one() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0, batch_first=True)
    net = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 2))
    kinds = found(marked(net, torch.randn(2, 3, 4)))
    assert kinds["0"] == ("branch", (3, 4), 1)
    assert kinds["0.self_attn"] == ("attention", (2, 3, 3), 0)


def test_stochastic_depths_modules_come_before_blocks() -> None:
    class DropPath(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    class Block(nn.Module):
        def __init__(self, skip: nn.Module) -> None:
            super().__init__()
            self.fc, self.drop_path = nn.Linear(3, 3), skip

        def forward(self, x: Tensor) -> Tensor:
            return x + self.drop_path(self.fc(x))

    net = nn.Sequential(Block(DropPath()), Block(nn.Identity()), nn.Linear(3, 2))
    assert list(found(marked(net, torch.randn(2, 3)))) == ["0.drop_path", "1.drop_path"]
    net[0].drop_path.around.append(Zero())
    net[1].drop_path.around.append(Zero())
    rows = torch.randn(2, 3)
    assert torch.equal(net(rows), net[2](rows))


# --- a module that is called several times


def test_a_module_without_weights_has_a_site_for_each_of_its_calls() -> None:
    net = nn.Sequential(Basic(), nn.Flatten())
    rows = torch.randn(2, 4, 3, 3)
    plain = copy.deepcopy(net)
    marked(net, rows, branch=[])
    turns = net[0].relu
    assert isinstance(turns, Turns)
    turns[1].after.append(Scale(2.0))
    for _ in range(2):
        torch.testing.assert_close(net(rows), 2 * plain(rows))


def test_turns_begin_anew_after_a_pass_that_broke_off() -> None:
    net = nn.Sequential(Basic(), nn.Flatten())
    rows = torch.randn(2, 4, 3, 3)
    marked(net, rows, branch=[])
    net[0].relu[0].after.append(Scale(0.0))
    want = net(rows)
    with pytest.raises(TypeError):
        net[0].relu(None)
    assert torch.equal(net(rows), want)


def test_calls_that_were_not_seen_run_plainly() -> None:
    class Repeats(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.times, self.relu, self.fc = 2, nn.ReLU(), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(self.times):
                x = self.relu(x)
            return self.fc(x)

    net = marked(Repeats(), torch.randn(2, 3))
    for site in net.relu:
        site.after.append(Scale(2.0))
    rows = torch.rand(2, 3)
    net.times = 3
    torch.testing.assert_close(net(rows), net.fc(4 * rows))


def test_a_module_in_two_places_has_sites_in_both() -> None:
    act = nn.ReLU()
    net = nn.Sequential(nn.Linear(3, 4), act, nn.Linear(4, 4), act, nn.Linear(4, 2))
    marked(net, torch.randn(2, 3))
    assert net[1] is net[3]
    assert [len(site.shape) for _, site in sites(net, "hidden")] == [1, 1]
    net[1][0].after.append(Scale(0.0))
    rows = torch.randn(2, 3)
    torch.testing.assert_close(net(rows), net[4](net[2](torch.zeros(2, 4)).relu()))


def test_a_module_with_weights_that_runs_twice_is_one_site_at_calls_of_its_last_shape() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.norm(x)[:, :, :2]).flatten(1)

    net, rows = Twice(), torch.randn(2, 2, 3)
    plain = copy.deepcopy(net)
    marked(net, rows)
    assert found(net) == {"norm": ("norm", (2, 2), 0)}
    net.norm.after.append(Scale(3.0))
    torch.testing.assert_close(net(rows), 3 * plain(rows))


# --- attention


def attention(**sizes: Any) -> tuple[nn.Module, nn.MultiheadAttention]:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, **sizes)

        def forward(self, x: Tensor) -> Tensor:
            key, value = x[..., : sizes.get("kdim", 6)], x[..., : sizes.get("vdim", 6)]
            return self.attention(x, key, value, need_weights=False)[0]

    net = Attends()
    return marked(net, torch.randn(2, 4, 6)), copy.deepcopy(net.attention.body)


class Same(nn.Module):
    def forward(self, body: Any, inputs: Tensor) -> Tensor:
        return body(inputs)


MASK = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
PADDING = torch.tensor([[False, False, False, True], [False, False, True, True]])


@pytest.mark.parametrize("sizes", [{}, {"batch_first": True}, {"bias": False}, {"kdim": 3, "vdim": 5}])
@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"attn_mask": MASK},
        {"attn_mask": torch.randn(4, 4)},
        {"attn_mask": MASK.repeat(4, 1, 1)},
        {"key_padding_mask": PADDING},
        {"need_weights": True},
        {"need_weights": True, "average_attn_weights": False},
    ],
)
def test_torchs_attention_is_computed_the_same_where_something_acts(
    sizes: dict[str, Any], masks: dict[str, Any]
) -> None:
    net, plain = attention(**sizes)
    assert isinstance(net.attention, Attending)
    net.attention.around.append(Same())
    query = torch.randn(2, 4, 6) if sizes.get("batch_first") else torch.randn(4, 2, 6)
    given = query, query[..., : sizes.get("kdim", 6)], query[..., : sizes.get("vdim", 6)]
    masks = {"need_weights": False} | masks
    got, want = net.attention(*given, **masks), plain(*given, **masks)
    torch.testing.assert_close(got, want)


def test_what_stands_at_torchs_attention_acts_on_its_probabilities() -> None:
    net, plain = attention(batch_first=True)
    net.attention.after.append(Scale(0.0))
    torch.testing.assert_close(net(torch.randn(2, 4, 6)), plain.out_proj.bias.expand(2, 4, 6))


class Head(nn.Module):
    """Attention as timm writes it, with the fused form where nobody looks."""

    def __init__(self) -> None:
        super().__init__()
        self.fused_attn, self.attn_drop, self.fused = True, nn.Dropout(0.0), 0

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None]
        if self.fused_attn:
            self.fused += 1
            return F.scaled_dot_product_attention(x, x, x).squeeze(1)
        weights = self.attn_drop((x @ x.transpose(2, 3) / x.shape[-1] ** 0.5).softmax(-1))
        return (weights @ x).squeeze(1)


def test_a_dropout_of_probabilities_is_the_softmax_of_their_logarithms() -> None:
    net = nn.Sequential(Head())
    rows = torch.randn(2, 3, 4)
    plain = net(rows)
    marked(net, rows, branch=[])
    site = net[0].attn_drop
    assert isinstance(site, Probabilities)
    assert (site.kind, site.shape) == ("attention", (1, 3, 3))
    seen: list[Tensor] = []

    class Look(nn.Module):
        def forward(self, body: Any, logits: Tensor) -> Tensor:
            seen.append(logits)
            hidden = logits.clone()
            hidden[..., 0] = float("-inf")
            return body(hidden)

    torch.testing.assert_close(net(rows), plain)
    site.around.append(Look())
    weights = (rows @ rows.transpose(1, 2) / 2).softmax(-1)
    kept = weights.clone()
    kept[..., 0] = 0
    torch.testing.assert_close(net(rows), kept / kept.sum(-1, keepdim=True) @ rows)
    torch.testing.assert_close(seen[0].exp()[:, 0], weights)


def test_the_fused_form_is_left_only_while_something_acts() -> None:
    net = nn.Sequential(Head())
    rows = torch.randn(2, 3, 4)
    marked(net, rows)
    before = net[0].fused
    net(rows)
    assert net[0].fused == before + 1
    net[0].attn_drop.after.append(Scale(1.0))
    net(rows)
    assert net[0].fused == before + 1


def test_torchs_fused_encoder_layer_does_not_pass_by_what_acts() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0, batch_first=True)
    net, rows = nn.Sequential(layer, nn.Flatten()), torch.randn(2, 3, 4)
    plain = copy.deepcopy(net).eval()
    marked(net, rows, branch=[]).eval()
    with torch.no_grad():
        assert torch.equal(net(rows), plain(rows)), "nothing acts: the fused layer runs"
        site = net[0].norm2
        site.body, site.replaced = nn.Identity(), True
        out = plain[0].norm1(rows + plain[0].self_attn(rows, rows, rows, need_weights=False)[0])
        want = out + plain[0].linear2(plain[0].linear1(out).relu())
        torch.testing.assert_close(net(rows), want.flatten(1))


# --- by name


def test_globs_name_places_and_kinds_that_are_left_out_are_found_by_type() -> None:
    net = marked(Net(), hidden=["stem", "blocks.0.bn?"], norm=[])
    assert found(net) == {
        "stem": ("hidden", (4, 6, 6), 0),
        "blocks.0": ("branch", (4, 6, 6), 0),
        "blocks.0.bn1": ("hidden", (4, 6, 6), 0),
        "blocks.1": ("branch", (4, 6, 6), 0),
    }


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            {"hidden": ["blokcs.0.relu"]},
            "sites.hidden must name modules of the model, got 'blokcs.0.relu'; did you mean 'blocks.0.relu'?",
        ),
        (
            {"hiden": []},
            "sites must be of kinds embedding, norm, hidden, attention, branch, got 'hiden'; "
            "did you mean 'hidden'?",
        ),
        (
            {"embedding": ["fc"]},
            "sites.embedding must name an nn.Embedding that is given the model's token ids in a forward "
            "pass, got 'fc', which names fc",
        ),
        (
            {"branch": ["fc"]},
            "sites.branch must name a module whose output has its input's shape in a forward pass, got 'fc', "
            "which names fc",
        ),
        (
            {"hidden": ["blocks.?"]},
            "sites must name each module under one kind, got blocks.0 under hidden and branch",
        ),
    ],
)
def test_a_wrong_name_is_refused(wanted: dict[str, list[str]], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        mark(Net(), ROWS, wanted)


def test_what_is_named_is_taken_by_type_first() -> None:
    net = marked(Net(), branch=["blocks.*"], hidden=["blocks.0.*"], norm=[])
    assert found(net) == {
        "blocks.0": ("branch", (4, 6, 6), 0),
        "blocks.0.relu.0": ("hidden", (4, 6, 6), 0),
        "blocks.0.relu.1": ("hidden", (4, 6, 6), 0),
        "blocks.1": ("branch", (4, 6, 6), 0),
    }
    assert all(site.default for _, site in sites(net, "hidden"))


def test_a_branch_may_be_named_that_its_parent_adds() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.f(x)

    net, rows = Adds(), torch.randn(2, 3)
    marked(net, rows, branch=["f"])
    net.f.around.append(Zero())
    assert torch.equal(net(rows), rows)


def test_behind_a_module_stands_what_sees_its_output() -> None:
    net, rows = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), torch.randn(2, 3)
    marked(net, rows, hidden=["0"])
    seen: list[Tensor] = []

    class Look(nn.Module):
        def forward(self, body: Any, inputs: Tensor) -> Tensor:
            seen.append(inputs)
            return body(inputs)

    net[0].around.append(Look())
    net[0].after.append(Scale(2.0))
    hidden = net[0].body(rows)
    torch.testing.assert_close(net(rows), net[1](2 * hidden))
    assert torch.equal(seen[0], hidden)


def test_a_module_that_returns_a_tuple_acts_by_its_first() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, str]:
            return self.fc(x), "beside"

    class Takes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, x: Tensor) -> Tensor:
            first, second = self.pair(x=x)
            assert second == "beside"
            return first

    net, rows = Takes(), torch.randn(2, 3)
    marked(net, rows, hidden=["pair"])
    want = 2 * net(rows)
    net.pair.after.append(Scale(2.0))
    torch.testing.assert_close(net(rows), want)
