from __future__ import annotations

import copy
import inspect
from collections.abc import Callable

import pytest
import torch
import yaml
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.composition.paths import config_dir
from regbench.composition.settings import resolved  # noqa: F401  (registers the resolvers)
from regbench.models.transformer import Block, Padding, Patches, SelfAttention, Transformer
from regbench.sites import Site, recording, select, sites
from regbench.training.loop import EpochEnd, fit
from tests.conftest import SENTENCES, SMALL, compose

TOKENS, WORDS, WIDTH, HEADS = 7, 11, 8, 2


def text(**changed: object) -> Transformer:
    values = {"width": WIDTH, "depth": 2, "heads": HEADS, "patch": None, "share_layers": 1, "norm": "layer"}
    torch.manual_seed(0)
    return Transformer((TOKENS,), 3, WORDS, **(values | changed)).eval()


def images(in_shape: tuple[int, ...] = (1, 4, 6), **changed: object) -> Transformer:
    values = {"width": WIDTH, "depth": 2, "heads": HEADS, "patch": 2, "share_layers": 1, "norm": "layer"}
    torch.manual_seed(0)
    return Transformer(in_shape, 3, None, **(values | changed)).eval()


def sentences(rows: int, shortest: int = 1) -> Tensor:
    """Token ids with padding at the end; the first row is the longest."""
    torch.manual_seed(1)
    lengths = torch.randint(shortest, TOKENS - 1, (rows,))
    lengths[0] = TOKENS - 1
    return torch.randint(1, WORDS, (rows, TOKENS)) * (torch.arange(TOKENS) < lengths[:, None])


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def touched(model: nn.Module) -> nn.Module:
    """The same model with the attention written out."""
    for _, site in sites(model, "attention"):
        site.after.append(nn.Identity())
    return model


# --- attention


@pytest.mark.parametrize("make", [text, images])
def test_fused_attention_is_the_one_written_out(make: Callable[[], Transformer]) -> None:
    model, explicit = make(), touched(make())
    inputs = sentences(5) if model.text else torch.randn(5, 1, 4, 6)
    called: list[int] = []
    for each in (model, explicit):
        for _, site in sites(each, "attention"):
            site.register_forward_hook(lambda *given: called.append(1))
    torch.testing.assert_close(model(inputs), explicit(inputs))
    assert len(called) == 2  # once for each written-out attention, never for a fused one
    gradients = []
    for each in (model, explicit):
        each(inputs).square().sum().backward()
        gradients.append({name: parameter.grad for name, parameter in each.named_parameters()})
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)


def test_attention_of_one_head_by_hand() -> None:
    attention = SelfAttention((3, 1), 1, Padding())
    with torch.no_grad():
        attention.entering.weight.copy_(torch.tensor([[1.0], [2.0], [10.0]]))
        attention.leaving.weight.fill_(1.0)
        for layer in (attention.entering, attention.leaving):
            layer.bias.zero_()
    mixed = attention(torch.tensor([[[0.0], [1.0], [2.0]]]))  # keys 0, 2, 4 and values 0, 10, 20
    one, two = (torch.tensor([0.0, 2.0, 4.0]) * query for query in (1, 2))
    values = torch.tensor([0.0, 10.0, 20.0])
    expected = [10.0, float(one.softmax(0) @ values), float(two.softmax(0) @ values)]
    assert mixed.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("length", [None, 3])
def test_a_block_is_torchs_encoder_layer_with_the_same_weights(length: int | None) -> None:
    torch.manual_seed(0)
    padding = Padding()
    ours = Block((5, WIDTH), HEADS, "layer", padding)
    theirs = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    attention, dense = ours.attention.body, ours.dense.body
    pairs = [
        (theirs.norm1, attention.norm.body),
        (theirs.self_attn.out_proj, attention.attention.leaving),
        (theirs.norm2, dense.norm.body),
        (theirs.linear1, dense.first),
        (theirs.linear2, dense.second),
    ]
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
        for their, our in pairs:
            their.load_state_dict(our.state_dict())
        theirs.self_attn.in_proj_weight.copy_(attention.attention.entering.weight)
        theirs.self_attn.in_proj_bias.copy_(attention.attention.entering.bias)
    tokens, lengths = torch.randn(4, 5, WIDTH), length and torch.tensor([5, length, 1, 4])
    padding.see(lengths, 5)
    filling = None if length is None else torch.arange(5) >= lengths[:, None]
    torch.testing.assert_close(
        ours(tokens), theirs(tokens, src_key_padding_mask=filling), rtol=1e-4, atol=1e-4
    )


# --- padding


def test_padding_has_no_say() -> None:
    model, rows = text(), sentences(6)
    logits = model(rows)
    for row, expected in zip(rows, logits, strict=True):
        words = row[row != 0]
        torch.testing.assert_close(model(words[None])[0], expected)  # alone, and without any padding
    torch.testing.assert_close(model(rows[:, : TOKENS - 1]), logits)
    short = rows.masked_fill(torch.arange(TOKENS) >= 3, 0)
    beside = torch.cat([short, rows[:1]])  # a longer mate makes the others longer
    torch.testing.assert_close(model(beside)[:-1], model(short))


def test_columns_of_padding_alone_are_not_computed() -> None:
    model, seen = text(), []
    model.embedding.register_forward_hook(lambda module, inputs, out: seen.append(out.shape[1]))
    model(sentences(3))
    model(torch.tensor([[3, 4, 0, 0], [5, 0, 0, 0]]))
    assert seen == [TOKENS - 1, 2]


def test_the_last_word_is_seen() -> None:
    rows = sentences(2)
    changed = rows.clone()
    changed[0, TOKENS - 2] = rows[0, TOKENS - 2] % (WORDS - 1) + 1
    assert not torch.allclose(text()(rows)[0], text()(changed)[0])


def test_the_mean_is_over_words_alone() -> None:
    padding, tokens = Padding(), torch.tensor([[[2.0], [4.0], [9.0]], [[5.0], [7.0], [7.0]]])
    padding.see(torch.tensor([2, 1]), 3)
    assert padding.mean(tokens).flatten().tolist() == [3, 5]
    padding.see(None, 3)
    assert padding.mean(tokens).flatten().tolist() == pytest.approx([5, 19 / 3])


def test_a_sentence_without_words_is_one_padding() -> None:
    model = text()
    logits = model(torch.stack([torch.zeros(TOKENS, dtype=torch.int64), sentences(1)[0]]))
    assert logits.isfinite().all()
    torch.testing.assert_close(model(torch.zeros(1, TOKENS, dtype=torch.int64)), logits[:1])
    assert model.embedding.body.weight[0].abs().sum() == 0


# --- positions and patches


@pytest.mark.parametrize("zero", [True, False])
def test_only_positions_tell_the_order_of_tokens(zero: bool) -> None:
    model = text()
    if zero:
        nn.init.zeros_(model.positions)
    rows = torch.randint(1, WORDS, (4, TOKENS))
    same = torch.allclose(model(rows), model(rows[:, torch.randperm(TOKENS)]), atol=1e-6)
    assert same == zero


@pytest.mark.parametrize(("in_shape", "patch"), [((1, 4, 6), 2), ((3, 6, 3), 3), ((2, 2, 3), 1)])
def test_patches_are_squares_in_reading_order_under_one_linear_map(
    in_shape: tuple[int, ...], patch: int
) -> None:
    patches, pixels = Patches(in_shape, WIDTH, patch), torch.randn(2, *in_shape)
    squares = [
        pixels[:, :, top : top + patch, left : left + patch].flatten(1)
        for top in range(0, in_shape[1], patch)
        for left in range(0, in_shape[2], patch)
    ]
    expected = torch.stack(squares, 1) @ patches.conv.weight.flatten(1).T + patches.conv.bias
    assert patches.count == len(squares)
    torch.testing.assert_close(patches(pixels), expected)


@pytest.mark.parametrize(
    ("side", "patches"),
    [((8, 8), 16), ((28, 28), 49), ((32, 32), 64), ((4, 6), 6), ((9, 11), 99), ((2, 200), 100)],
)
def test_a_patch_of_null_is_the_smallest_that_leaves_few_tokens(side: tuple[int, int], patches: int) -> None:
    assert images((1, *side), patch=None).embedding.shape == (patches, WIDTH)


# --- sharing


def test_has_the_parameters_of_its_layers() -> None:
    inner, norm = 4 * WIDTH, 2 * WIDTH
    attention = (WIDTH + 1) * 3 * WIDTH + (WIDTH + 1) * WIDTH
    block = attention + (WIDTH + 1) * inner + (inner + 1) * WIDTH + 2 * norm
    rest = WORDS * WIDTH + TOKENS * WIDTH + norm + (WIDTH + 1) * 3
    assert count(text(depth=6)) == 6 * block + rest
    assert count(text(depth=6, share_layers=2)) == 3 * block + rest
    assert count(text(depth=6, share_layers=6)) == block + rest
    assert count(text(depth=1, norm="none")) == block - 2 * norm + rest - norm


def test_a_shared_block_stands_for_several_in_a_row_with_its_weights() -> None:
    shared, plain = text(depth=4, share_layers=2), text(depth=4)
    plain.load_state_dict(shared.state_dict(), strict=False)
    for index in range(4):
        plain.blocks[index].load_state_dict(shared.blocks[index // 2].state_dict())
    rows = sentences(5)
    torch.testing.assert_close(shared(rows), plain(rows))
    for model in (shared, plain):
        model(rows).square().sum().backward()
    first, second, third, fourth = (block.dense.body.first.weight.grad for block in plain.blocks)
    ours = [block.dense.body.first.weight.grad for block in shared.blocks]
    torch.testing.assert_close(ours, [first + second, third + fourth])


# --- sites


def test_text_has_its_sites_in_order() -> None:
    shape, square = (TOKENS, WIDTH), (HEADS, TOKENS, TOKENS)
    block = [
        ("branch", shape),
        ("norm", shape),
        ("attention", square),
        ("branch", shape),
        ("norm", shape),
        ("hidden", (TOKENS, 4 * WIDTH)),
    ]
    found = [(site.kind, site.shape) for site in text().modules() if isinstance(site, Site)]
    assert found == [("embedding", shape), *block, *block, ("norm", shape), ("hidden", (WIDTH,))]


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_each_site_says_the_shape_and_the_channel_axis_of_what_passes_it(norm: str) -> None:
    model = touched(images(norm=norm))
    seen: dict[str, tuple[int, ...]] = {}
    found = {name: site for name, site in model.named_modules() if isinstance(site, Site)}
    for name, site in found.items():
        site.register_forward_hook(lambda m, i, out, name=name: seen.update({name: tuple(out.shape[1:])}))
    model(torch.randn(2, 1, 4, 6))
    assert seen == {name: site.shape for name, site in found.items()}
    assert next(iter(seen)) == "input"
    channels = {"norm": WIDTH, "branch": WIDTH, "embedding": WIDTH}
    for site in found.values():
        assert site.shape[site.axis] == channels.get(site.kind, site.shape[site.axis])
    bodies = {type(site.body) for _, site in sites(model, "norm")}
    assert bodies == {nn.LayerNorm if norm == "layer" else nn.Identity}


def test_noise_acts_in_the_dense_layers_unless_told_where() -> None:
    model = text()
    assert [site.shape for _, site in select(model, "hidden", "default")] == [(TOKENS, 4 * WIDTH)] * 2
    with recording(model, wanted=True) as hidden:
        model(torch.randint(1, WORDS, (3, TOKENS)))
    assert [tuple(each.shape[1:]) for each in hidden] == [s.shape for _, s in sites(model, "hidden")]


# --- refusals


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"heads": 0}, "heads must be at least 1, got 0"),
        ({"share_layers": 0}, "share_layers must be at least 1, got 0"),
        ({"heads": 3}, "width must be a multiple of the 3 heads, got 8"),
        ({"share_layers": 3}, "depth must be a multiple of share_layers=3, got 2"),
        ({"patch": 3}, "patch must divide the image's 4x6 pixels, got 3"),
        ({"patch": 0}, "patch must divide the image's 4x6 pixels, got 0"),
    ],
)
def test_sizes_must_fit(changed: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        images(**changed)


def test_inputs_must_be_words_or_images() -> None:
    with pytest.raises(ValueError, match=r"^in_shape must be \(channels, height, width\), got \(5,\)$"):
        images((5,))
    with pytest.raises(ValueError, match=r"^in_shape must be \(tokens,\), got \(1, 4, 6\)$"):
        Transformer((1, 4, 6), 3, WORDS, WIDTH, 2, HEADS, None, 1, "layer")


# --- copies, states, runs


def test_a_copy_and_a_loaded_state_compute_the_same_and_share_nothing() -> None:
    model, rows = text(), sentences(5)
    logits = model(rows)  # leaves a mask behind
    other, loaded = copy.deepcopy(model), text()
    for parameter in loaded.parameters():
        nn.init.normal_(parameter)
    loaded.load_state_dict(model.state_dict())
    model(rows[:2, :2])  # the copy's attentions must read the copy's padding, not this one's
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(other(rows), logits)
    torch.testing.assert_close(loaded(rows), logits)
    assert sorted(model.state_dict()) == sorted(name for name, _ in model.named_parameters())


@pytest.mark.parametrize("make", [text, images])
def test_every_parameter_gets_a_gradient(make: Callable[[], Transformer]) -> None:
    model = make()
    model(sentences(5) if model.text else torch.randn(5, 1, 4, 6)).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_yaml_holds_the_constructors_arguments() -> None:
    values = yaml.safe_load((config_dir() / "model" / "transformer.yaml").read_text())
    assert values.pop("_target_") == f"{Transformer.__module__}.{Transformer.__name__}"
    values.pop("lr", None)
    values.pop("tie", None)
    given = {"in_shape", "num_classes", "vocabulary"}
    assert values.keys() == inspect.signature(Transformer).parameters.keys() - given


OF_TEXT = tuple(SENTENCES)
LEARNER = ("model=transformer", "model.width=16", "model.depth=1", "model.heads=2", "optimizer=adamw")


@pytest.mark.parametrize(("dataset", "least"), [((), 0.4), (OF_TEXT, 0.9)], ids=["digits", "sentences"])
def test_learns_in_a_run(dataset: tuple[str, ...], least: float) -> None:
    config = compose(*LEARNER, *dataset, *SMALL, "train.lr=0.03")
    config["train"] |= {"epochs": 12, "evaluate_every": 12}  # 48 steps, some tenths of a second
    run = build_run(config)
    records = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    assert records[-1].metrics["train/accuracy"] > least
