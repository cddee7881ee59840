"""One stack in loops of others: the weights that a bare loop trains, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import regbench
from regbench.library.applied import Applied
from regbench.library.stack import Stack
from tests.library.nets import net, rows, sgd

pytestmark = pytest.mark.filterwarnings("ignore")  # what others warn of is theirs
EPOCHS = 3
MEMBERS: dict[str, list[str]] = {"one pass": ["dropout", "l2", "ema"], "two passes": ["dropout", "l2", "sam"]}


def stack_of(case: str) -> Stack:
    stopping = {"patience": 1, "min_delta": 10.0}  # stops after the second of three epochs
    return regbench.stack(*MEMBERS[case], mixup={"alpha": 1.0}, early_stopping=stopping)


def loader() -> DataLoader[Any]:
    return DataLoader(TensorDataset(*rows()), batch_size=16)


def bare(case: str, model: nn.Module, forward: Callable[..., Any] | None = None) -> Applied:
    applied = stack_of(case).apply(model, sgd(model), train=loader(), epochs=EPOCHS)
    for _ in range(EPOCHS):
        for inputs, labels in loader():
            applied.step(inputs, labels, forward)
        if applied.end_epoch(select=rows()):
            break
    assert applied.step_count == 6
    return applied


def require_same(one: Applied, other: Applied) -> None:
    mine, theirs = one.model.state_dict(), other.model.state_dict()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []
    assert (one.step_count, one.history) == (other.step_count, other.history)


@pytest.mark.parametrize("case", MEMBERS)
def test_lightning(case: str, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    model = net()
    applied = stack_of(case).apply(model, train=loader(), epochs=EPOCHS)

    class Module(lightning.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = applied.model

        def configure_optimizers(self) -> Any:
            return applied.prepare_optimizer(sgd(self))

        def training_step(self, batch: Any, _: int) -> Any:
            return applied.loss(*batch)

        def on_train_epoch_end(self) -> None:
            self.trainer.should_stop = applied.end_epoch(select=rows())

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            checkpoint["regbench"] = applied.state_dict()

    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Module(), loader())
    assert trainer.global_step == applied.step_count
    require_same(applied, bare(case, net()))
    (kept,) = tmp_path.rglob("*.ckpt")
    state = torch.load(kept, weights_only=True)["regbench"]
    assert state["step"] == 6


@pytest.mark.parametrize("how", ["plain", "accumulated", "clipped"])
def test_lightning_with_options_of_its_own(how: str, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    options = {"accumulated": {"accumulate_grad_batches": 3}, "clipped": {"gradient_clip_val": 0.01}}.get(
        how, {}
    )
    steps = 1 if how == "accumulated" else 3
    model = net()
    applied = regbench.stack("dropout", mixup={"alpha": 1.0}).apply(
        model, train=loader(), epochs=1, steps_per_epoch=steps
    )

    class Module(lightning.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = applied.model

        def configure_optimizers(self) -> Any:
            return applied.prepare_optimizer(sgd(self))

        def training_step(self, batch: Any, _: int) -> Any:
            return applied.loss(*batch)

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        enable_checkpointing=False,
        default_root_dir=tmp_path,
        **quiet,
        **options,
    )
    trainer.fit(Module(), loader())
    other = net()
    by_hand = regbench.stack("dropout", mixup={"alpha": 1.0}).apply(
        other, sgd(other), train=loader(), epochs=1, steps_per_epoch=steps
    )
    by_hand.optimizer.zero_grad()
    for inputs, labels in loader():
        (by_hand.loss(inputs, labels) / (3 // steps)).backward()
        if steps == 3:
            if how == "clipped":
                nn.utils.clip_grad_norm_(other.parameters(), 0.01)
            by_hand.optimizer.step()
            by_hand.optimizer.zero_grad()
    if steps == 1:
        by_hand.optimizer.step()
    require_same(applied, by_hand)


def vit() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=4,
        patch_size=2,
        num_channels=1,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        num_labels=3,
    )
    return transformers.ViTForImageClassification(config).train()


@pytest.mark.parametrize("case", ["one pass", "two passes"])
def test_the_trainer_of_transformers(case: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    members = ["label_smoothing", "ema", *(["sam"] if case == "two passes" else [])]
    stack = regbench.stack(*members, mixup={"alpha": 1.0}, l2={"strength": 0.1})
    model = vit()
    optimizer = sgd(model)
    table = [{"pixel_values": value, "labels": int(label)} for value, label in zip(*rows(), strict=True)]
    applied = stack.apply(model, optimizer, train=table, epochs=2, steps_per_epoch=3)

    class Trainer(transformers.Trainer):  # type: ignore[name-defined, misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **more: Any) -> Any:
            if not model.training:
                return super().compute_loss(model, inputs, return_outputs, **more)
            return applied.loss(inputs["pixel_values"], inputs["labels"], lambda x: model(pixel_values=x))

        def training_step(self, *given: Any, **more: Any) -> Any:
            if case == "one pass":
                return super().training_step(*given, **more)
            return applied.step_ahead(partial(super().training_step, *given, **more))

        def get_train_dataloader(self) -> Any:
            return DataLoader(table, batch_size=16)  # in order, as the bare loop has them

    arguments = transformers.TrainingArguments(
        str(tmp_path),
        num_train_epochs=2,
        max_grad_norm=0.0,
        lr_scheduler_type="constant",
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        eval_strategy="epoch",
        disable_tqdm=True,
    )
    trainer = Trainer(model, arguments, eval_dataset=table, optimizers=(optimizer, None))
    trainer.train()
    assert trainer.state.global_step == applied.step_count == 6
    other = vit()
    by_hand = stack.apply(other, sgd(other), train=table, epochs=2, steps_per_epoch=3)
    for _ in range(2):
        for inputs, labels in loader():
            by_hand.step(inputs, labels)
    require_same(applied, by_hand)
    measured = regbench.gap(applied.eval_model, table, table)
    assert measured.gap["loss"] == 0.0


def test_tokens_of_transformers(tmp_path: Path) -> None:
    """A model that takes a mask beside the ids is called by a function; the audit sees the ids alone."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        num_labels=2,
    )
    model = transformers.BertForSequenceClassification(config).train()
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 20, (32, 6), generator=generator)
    labels = torch.arange(32) % 2
    stack = regbench.stack("label_smoothing", "word_dropout", l2={"strength": 0.1})
    found = regbench.audit(model, stack, sgd(model), train=(ids, labels))
    assert [one.state for one in found.findings] == ["acts"] * 3
    applied = stack.apply(model, sgd(model), train=(ids, labels), epochs=1, steps_per_epoch=1)
    masks: list[Any] = []

    def masked(shown: Any) -> Any:
        masks.append(shown)
        return model(input_ids=shown, attention_mask=(shown != 0).long())

    applied.step(ids, labels, masked)
    assert (masks[0] != ids).any()
    fresh = transformers.BertForSequenceClassification(config)
    with pytest.raises(ValueError, match=r"^reg\.mixup: mixup needs float inputs, got torch.int64$"):
        regbench.stack("mixup").apply(fresh, train=(ids, labels), epochs=1, steps_per_epoch=1)
