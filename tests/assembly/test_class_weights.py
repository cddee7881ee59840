"""The weights of classes in the loss, from the definition."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rich.console import Console
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from regbench.assembly.class_weights import warning, weights_of
from regbench.assembly.data import load_data
from regbench.assembly.run import build_run
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.records.files import read_summary, uneven
from regbench.records.identity import identity
from regbench.regularizers.base import Regularizer, Stack
from regbench.runs.folder import RunFolder
from regbench.runs.session import train
from regbench.tasks import Classification
from regbench.training.loop import Run, objective, train_step
from regbench.types import Batch, ForwardPass
from tests.conftest import compose, reg_node, tiny

LABELS = torch.tensor([0] * 6 + [1] * 2 + [2] * 1)


# --- the weights


def test_balanced_weights_of_nine_rows_by_hand() -> None:
    assert weights_of("balanced", LABELS, 3).tolist() == pytest.approx([9 / 18, 9 / 6, 9 / 3])


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = torch.multinomial(torch.tensor([0.7, 0.2, 0.05, 0.05]), 400, True)
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels.numpy())
    assert weights_of("balanced", labels, 4).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("asked", ["balanced", [1.0, 5.0, 2.0, 3.0], [0.1, 0.1, 0.1, 0.3]])
def test_the_mean_weight_of_the_rows_is_one(asked: Any) -> None:
    assert weights_of(asked, LABELS, 4)[LABELS].double().mean().item() == pytest.approx(1)


def test_a_class_without_rows_weighs_one_and_takes_no_share() -> None:
    assert weights_of("balanced", LABELS, 4).tolist() == pytest.approx([0.5, 1.5, 3.0, 1.0])


def test_of_a_list_only_the_ratios_count() -> None:
    one, other = weights_of([1, 2, 4], LABELS, 3), weights_of([10, 20, 40], LABELS, 3)
    assert torch.equal(one, other)
    assert one.tolist() == pytest.approx([9 / 14, 18 / 14, 36 / 14])  # 6 * 1 + 2 * 2 + 1 * 4 = 14
    assert weights_of([3, 3, 3], LABELS, 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([1.0], "class_weights must be one for each of the 3 classes, got 1"),
        ([1.0] * 4, "class_weights must be one for each of the 3 classes, got 4"),
        ([], "class_weights must be one for each of the 3 classes, got 0"),
        ([1.0, 0.0, 2.0], "class_weights must be above 0, got 0"),
        ([1.0, -2.5, 2.0], "class_weights must be above 0, got -2.5"),
    ],
)
def test_a_list_that_cannot_be_is_refused(asked: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}$"):
        weights_of(asked, LABELS, 3)


def test_noisy_labels_are_weighed_as_they_are_told() -> None:
    config = tiny(class_weights="balanced")
    config["dataset"] = config["dataset"] | {"label_noise": 0.5}
    data, run = load_data(config["dataset"]), build_run(config)
    told = torch.bincount(data.train.labels, minlength=10)
    assert not torch.equal(told, torch.bincount(data.train.true_labels, minlength=10))
    assert run.class_weights is not None
    assert run.class_weights.tolist() == pytest.approx((97 / (10 * told)).tolist())


# --- the loss


def run_of(net: nn.Module, reg: Stack, weights: Tensor | None) -> Run:
    data: Any = SimpleNamespace(task=Classification(3))
    return Run(net, reg, None, None, data, torch.device("cpu"), 0, 1, 4, 0.1, class_weights=weights)  # type: ignore[arg-type]


def data_term(logits: Tensor, targets: Tensor, weights: Tensor | None) -> float:
    return objective(run_of(nn.Identity(), Stack({}), weights), Batch(logits, targets))["data"].item()


def test_the_weighted_loss_of_two_rows_by_hand() -> None:
    logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])  # p = 3/4, 1/4 and 1/2, 1/2
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    loss = data_term(logits, targets, torch.tensor([0.5, 2.0]))
    assert loss == pytest.approx((2.0 * math.log(4) + 0.5 * math.log(2)) / 2)


def test_mixed_targets_are_weighed_class_by_class() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, weights = torch.randn(6, 4, generator=generator), torch.tensor([0.2, 1.0, 3.0, 0.7])
    targets = torch.rand(6, 4, generator=generator)
    targets /= targets.sum(1, keepdim=True)
    logs = logits.double() - logits.double().logsumexp(1, keepdim=True)
    expected = -(weights * targets * logs).sum(1).mean().item()
    assert data_term(logits, targets, weights) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 15, 16, 40])
def test_without_weights_the_loss_is_that_of_torch_and_from_16_classes_on_to_the_bit(classes: int) -> None:
    logits, targets = torch.randn(50, classes), F.one_hot(torch.arange(50) % classes).float()
    torchs = F.cross_entropy(logits, targets).item()
    assert data_term(logits, targets, None) == pytest.approx(torchs, rel=1e-6 if classes < 16 else 0, abs=0)


def test_micro_batches_add_up_to_the_weighted_batch() -> None:
    terms = []
    for parts in (1, 3):
        run = build_run(tiny(accumulate=parts, class_weights=[1.0, *[9.0] * 9]))
        terms.append(train_step(run, run.data.train[slice(0, 32)])["data"].item())
    assert terms[0] == pytest.approx(terms[1], rel=1e-5)


def test_rows_of_a_heavy_class_pull_as_often_as_they_are_heavy() -> None:
    """Weight 3 for a class is three copies of each of its rows, up to the mean weight."""
    generator = torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(8, 3, generator=generator), torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
    copies = torch.cat([torch.arange(8), torch.arange(4, 6), torch.arange(4, 6)])
    gradients = []
    for rows, weights in ((torch.arange(8), weights_of([1, 3, 1], labels, 3)), (copies, None)):
        net = nn.Linear(3, 3)
        nn.init.constant_(net.weight, 0.1)
        nn.init.zeros_(net.bias)
        batch = Batch(inputs[rows], F.one_hot(labels[rows], 3).float())
        objective(run_of(net, Stack({}), weights), batch)["data"].backward()
        assert net.weight.grad is not None
        gradients.append(net.weight.grad)
    torch.testing.assert_close(*gradients)


# --- members that own the data loss


class Own(Regularizer):
    """A data loss that knows of no weights."""

    off = {"p": 0.0}  # noqa: RUF012

    def __init__(self, p: float) -> None:
        self.p = p

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        return None if self.is_off else self.p * forward.logits.sum()


def test_a_data_loss_that_passes_the_weights_over_is_refused() -> None:
    config = tiny(class_weights="balanced")
    with pytest.raises(ConfigError) as caught:
        build_run(config, Stack({"own": Own(1.0)}))
    assert str(caught.value) == (
        "train: class_weights must be null beside reg.own, whose data loss weighs no classes, got balanced"
    )
    assert build_run(config, Stack({"own": Own(0.0)})).class_weights is not None
    assert build_run(tiny(), Stack({"own": Own(1.0)})).class_weights is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("augmix", {"p": 1.0}),
        ("smart_augmentation", {"p": 1.0, "beta": 0.5, "k": 2, "width": 2}),
        ("smart_augmentation", {"p": 1.0, "beta": 0.5, "k": 2, "width": 2, "variant": "neural"}),
    ],
)
def test_members_that_replace_the_cross_entropy_weigh_classes_too(name: str, values: dict[str, Any]) -> None:
    """Of a class that weighs nothing the logits have no gradient through the data loss."""
    config = tiny(reg={name: reg_node(name, **values)})
    run = build_run(config)
    clean = run.data.train[slice(0, 12)]
    batch = run.reg.transform_batch(clean)
    weights = torch.ones(10)
    weights[clean.targets[0].argmax()] = 0.0
    logits = torch.randn(len(batch), 10, requires_grad=True)
    loss = run.reg.data_loss(ForwardPass(run.model, batch, logits, (), weights))
    assert loss is not None
    loss.backward()
    silent = batch.targets.argmax(1) == clean.targets[0].argmax()
    assert logits.grad is not None
    assert logits.grad[silent].abs().max() == 0
    assert logits.grad[~silent][: 12 - int(silent[:12].sum())].abs().min() > 0


# --- runs


def test_identity_and_bits_of_a_plain_run_are_those_without_the_key() -> None:
    config = compose()
    assert config["train"]["class_weights"] is None
    without = {n: v for n, v in config["train"].items() if n != "class_weights"}
    old = config | {"train": without}
    assert identity(old) == identity(config)
    assert read_settings(old)[1].class_weights is None
    others = [config | {"train": without | {"class_weights": w}} for w in ("balanced", [1, 2], [2, 4])]
    assert len({identity(c) for c in (config, *others)}) == 4


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "none",
            "train: class_weights must be balanced, null or a list of one weight for each class, got 'none'",
        ),
        (["a"], "train: class_weights must be a number, got 'a'"),
        ([1.0, math.nan], "train: class_weights must be finite, got nan"),
        (True, "train: class_weights must be a list, got true"),
    ],
)
def test_other_words_for_weights_are_refused(value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(tiny(class_weights=value))
    assert str(caught.value) == said


def test_a_list_for_other_classes_is_refused_with_its_key() -> None:
    with pytest.raises(
        ConfigError, match=r"^train: class_weights must be one for each of the 10 classes, got 2"
    ):
        build_run(tiny(class_weights=[1.0, 2.0]))


def test_a_rare_class_is_found_more_often_when_it_weighs_more(tmp_path: Path) -> None:
    """Two overlapping classes, 19 to 1: plain training gives the rare one up, weights do not."""
    (tmp_path / "rare.csv").write_text(
        "text,label\n"
        + "".join(f"maybe w{i % 3},common\n" for i in range(228))
        + "".join(f"maybe w{i % 3},rare\n" for i in range(12))
    )
    overrides = ["model=rnn", "model.width=8", "model.embedding=8", "dataset=text_csv", "dataset.length=3"]
    plain = compose(
        *overrides, f"dataset.path={tmp_path / 'rare.csv'}", "threads=1", "device=cpu", "train.epochs=4"
    )
    found = {}
    for name, weights in (("plain", None), ("weighed", [1.0, 200.0])):
        folder = tmp_path / name
        folder.mkdir()
        config = plain | {"train": plain["train"] | {"class_weights": weights}}
        train(RunFolder(config, folder, {}, Console(file=io.StringIO())))
        summary = read_summary(folder)
        assert summary is not None
        found[name] = summary
    assert found["plain"].last.metrics["val/balanced_accuracy"] == 0.5
    assert found["plain"].last.metrics["val/accuracy"] == 30 / 32, "a fifth is test, a sixth of 192 val"
    assert found["weighed"].last.metrics["val/accuracy"] == 2 / 32
    [said] = [warning for warning in found["plain"].warnings if warning.startswith("classes are uneven")]
    assert re.fullmatch(
        r"classes are uneven: common has 12\d train rows, rare \d; accuracy says little of the small ones, "
        r"so read balanced_accuracy and macro_f1 beside it, or set train\.class_weights=balanced",
        said,
    )
    assert not any("uneven" in warning for warning in found["weighed"].warnings)


@pytest.mark.parametrize(
    ("rows", "is_said"), [([3, 1, 2], False), ([31, 10], True), ([5, 0], True), ([4, 4], False)]
)
def test_classes_are_uneven_beyond_three_times(rows: list[int], is_said: bool) -> None:
    assert uneven(rows) is is_said
    assert bool(warning(rows, ["one", "two", "three"])) is is_said


def test_splits_that_lack_names_are_warned_of_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_data(tiny()["dataset"])
    told = torch.where(data.train.labels == 7, 1, data.train.labels)
    odd = replace(data, train=replace(data.train, labels=told), classes=())
    monkeypatch.setattr("regbench.assembly.run.load_data", lambda node: odd)
    [sentence] = build_run(tiny()).warnings
    assert sentence.startswith("classes are uneven: 1 has ")
    assert ", 7 0; " in sentence.replace(" train rows", "")
