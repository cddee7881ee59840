from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from regbench.assembly.run import build_run
from regbench.models.rnn import RNN
from regbench.nn.recurrence import Cell, Recurrence
from regbench.sites import Site, recording, sites
from regbench.training.loop import EpochEnd, fit
from regbench.types import PADDING
from regbench.weights import regularized_weights
from tests.conftest import TINY, compose, tiny

SIZES = {"cell": "lstm", "embedding": 3, "width": 4, "depth": 1}


def of_text(length: int = 7, vocabulary: int = 9, **sizes: Any) -> RNN:
    torch.manual_seed(0)
    return RNN((length,), 5, vocabulary, **(SIZES | sizes))


def of_images(shape: tuple[int, ...] = (2, 3, 4), **sizes: Any) -> RNN:
    torch.manual_seed(0)
    return RNN(shape, 5, None, **(SIZES | sizes))


def padded(row: list[int], length: int) -> list[int]:
    return row + [PADDING] * (length - len(row))


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3)])
def test_has_the_parameters_of_its_layers(cell: Cell, gates: int) -> None:
    def layer(inputs: int) -> int:
        return gates * 4 * (inputs + 4 + 1 + 1)

    model = of_text(cell=cell, depth=2)
    assert sum(p.numel() for p in model.parameters()) == 9 * 3 + layer(3) + layer(4) + (4 * 5 + 5)
    model = of_images(cell=cell, depth=3)
    assert sum(p.numel() for p in model.parameters()) == layer(2 * 4) + 2 * layer(4) + (4 * 5 + 5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_text_is_judged_by_the_state_at_its_last_word(cell: Cell) -> None:
    """Each row alone, without its padding, through torch's own layers."""
    model = of_text(cell=cell, depth=2)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    theirs = kind(3, 4, num_layers=2, batch_first=True)
    for number, (_, site) in enumerate(sites(model, "recurrent")):
        for name, weight in site.body.named_parameters():
            getattr(theirs, f"{name}_l{number}").data.copy_(weight.data)
    rows = [[4, 2, 8], [1, 1, 5, 3, 7, 2, 6], [3]]
    logits = model(torch.tensor([padded(row, 7) for row in rows]))
    for row, wanted in zip(rows, logits, strict=True):
        words = model.embedding.body.weight[row].unsqueeze(0)
        torch.testing.assert_close(model.head(theirs(words)[0][0, -1]), wanted)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("training", [True, False])
def test_padding_at_the_end_and_batch_mates_change_nothing(cell: Cell, training: bool) -> None:
    model = of_text(cell=cell, depth=2).train(training)
    row = [4, 2, 8]
    alone = model(torch.tensor([row]))
    longer = model(torch.tensor([padded(row, 7)]))
    among = model(torch.tensor([[1, 2, 3, 4, 5, 6, 7], padded(row, 7), padded([5], 7)]))
    torch.testing.assert_close(longer, alone)
    torch.testing.assert_close(among[1:2], alone)


def test_no_step_is_computed_past_the_longest_row() -> None:
    model, seen = of_text(), []
    model.layers[0].body.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    model(torch.tensor([padded([4, 2, 8], 7), padded([5], 7)]))
    assert seen == [(2, 3, 3)]


def test_a_row_without_words_is_judged_by_one_step_of_padding() -> None:
    model = of_text()
    with torch.no_grad():
        state = model.layers[0].body(torch.zeros(1, 1, 3))[:, -1]
        torch.testing.assert_close(model(torch.zeros(1, 7, dtype=torch.int64)), model.head(state))


def test_the_padding_vector_is_zero_and_stays_it() -> None:
    model = of_text()
    model(torch.tensor([padded([3], 7), [1, 2, 3, 4, 5, 6, 7]])).square().sum().backward()
    embedding = model.embedding.body
    assert not embedding.weight[PADDING].any()
    assert not embedding.weight.grad[PADDING].any()
    assert embedding.weight.grad[1:8].any(1).all()


def test_images_are_read_row_by_row_from_the_top_all_channels_at_once() -> None:
    # two channels of two rows and three columns, as (channel, row, column)
    image = torch.tensor([[[1.0, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
    model = of_images((2, 2, 3))
    seen: list[torch.Tensor] = []
    model.layers[0].body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(image.unsqueeze(0))
    assert seen[0].tolist() == [[[1, 2, 3, 7, 8, 9], [4, 5, 6, 10, 11, 12]]]


def test_images_are_judged_by_the_state_after_the_last_row() -> None:
    model, image = of_images((1, 3, 4)), torch.randn(2, 1, 3, 4)
    with torch.no_grad():
        state = model.layers[0].body(image[:, 0])[:, 2]
        torch.testing.assert_close(model(image), model.head(state))


def test_sites_by_kind() -> None:
    text, images = of_text(depth=3), of_images(depth=3)
    for model in (text, images):
        steps = 7 if model is text else 3
        assert [s.shape for _, s in sites(model, "recurrent")] == [(steps, 4)] * 3
        assert all(isinstance(s.body, Recurrence) for _, s in sites(model, "recurrent"))
        assert [s.shape for _, s in sites(model, "hidden")] == [(steps, 4), (steps, 4), (4,)]
        assert [s.axis for _, s in sites(model, "hidden")] == [1, 1, 0]
        assert all(not sites(model, kind) for kind in ("norm", "attention", "branch"))
    assert [s.shape for _, s in sites(text, "embedding")] == [(7, 3)]
    assert [s.shape for _, s in sites(images, "input")] == [(2, 3, 4)]
    assert not sites(text, "input")
    assert not sites(images, "embedding")


@pytest.mark.parametrize("kind", ["text", "images"])
def test_each_site_says_the_shape_that_passes_it(kind: str) -> None:
    model = of_text(depth=2) if kind == "text" else of_images(depth=2)
    seen: dict[Site, tuple[int, ...]] = {}
    for site in (m for m in model.modules() if isinstance(m, Site)):
        site.register_forward_hook(lambda m, _, out: seen.update({m: tuple(out.shape[1:])}))
    inputs = torch.randint(1, 9, (2, 7)) if kind == "text" else torch.randn(2, 2, 3, 4)
    assert model(inputs).shape == (2, 5)
    assert seen == {m: m.shape for m in model.modules() if isinstance(m, Site)}
    with recording(model, wanted=True) as hidden:
        model(inputs)
    assert [tuple(h.shape[1:]) for h in hidden] == [site.shape for _, site in sites(model, "hidden")]


def test_penalties_find_matrices_and_spare_biases_and_word_vectors() -> None:
    names = [name for name, _ in regularized_weights(of_text(depth=2))]
    inside = [f"layers.{i}.body.{w}" for i in (0, 2) for w in ("weight_ih", "weight_hh")]
    assert names == [*inside, "head.weight"]


@pytest.mark.parametrize("name", ["embedding", "width", "depth"])
def test_sizes_are_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0$"):
        of_text(**{name: 0})


def test_refuses_what_is_neither_text_nor_an_image() -> None:
    with pytest.raises(ValueError, match=r"^in_shape must be \(tokens,\), got \(1, 8, 8\)$"):
        RNN((1, 8, 8), 5, 9, **SIZES)
    with pytest.raises(ValueError, match=r"^in_shape must be \(channels, height, width\), got \(6,\)$"):
        RNN((6,), 5, None, **SIZES)


def last_record(config: dict[str, Any]) -> dict[str, float]:
    ends = [event for event in fit(build_run(config)) if isinstance(event, EpochEnd)]
    return ends[-1].record.metrics


def test_learns_the_digits_row_by_row() -> None:
    sizes = (
        "model.width=8",
        "dataset.num_train=160",
        "train.epochs=4",
        "train.batch_size=16",
        "train.lr=0.2",
    )
    metrics = last_record(compose("model=rnn", *sizes, "threads=1", "device=cpu"))
    assert metrics["train/loss"] < 0.9 * math.log(10)  # of who guesses one of ten
    assert metrics["val/accuracy"] > 0.2


def test_learns_made_up_sentences() -> None:
    assert "model=rnn" in TINY["text"]
    metrics = last_record(tiny("text", epochs=6, lr=0.2))
    assert metrics["train/loss"] < 0.9 * math.log(3)  # of who guesses one of three classes


def test_takes_real_questions() -> None:
    root = os.environ.get("REGBENCH_DATA")
    if not root or not (Path(root) / "trec").is_dir():
        pytest.skip("REGBENCH_DATA does not point at a folder with trec")
    config = compose(
        *("model=rnn", "model.width=8", "model.embedding=8", "dataset=trec", f"dataset.root={root}"),
        *("dataset.num_train=97", "train.epochs=1", "train.batch_size=32", "threads=1", "device=cpu"),
    )
    run = build_run(config)
    assert run.model(run.data.val[slice(0, 3)].inputs).shape == (3, 6)
    ends = [event for event in fit(run) if isinstance(event, EpochEnd)]
    assert ends[0].record.metrics["val/loss"] < 2 * math.log(6)
