import copy
import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.artefacts import CACHE
from regbench.assembly.run import build_run
from regbench.nn.gan import Generator
from regbench.regularizers.gan_augmentation import GANAugmentation
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split
from tests.conftest import reg_node, tiny

DARK, BRIGHT = 0.2, 0.8
QUICK: dict[str, Any] = {"share": 0.25, "epochs": 1, "batch_size": 16, "width": 2, "lr": 2e-4}


def toy(rows: int = 64, classes: tuple[int, ...] = (0, 1), num_classes: int = 2, side: int = 4) -> Split:
    """Even rows dark, odd rows bright, each pixel with noise of deviation 0.05."""
    labels = torch.tensor(classes).repeat(rows // len(classes))
    means = torch.where(labels == classes[0], DARK, BRIGHT).view(-1, 1, 1, 1)
    noise = torch.randn(rows, 1, side, side, generator=torch.Generator().manual_seed(0))
    return Split((means + 0.05 * noise).clamp(0, 1), labels, num_classes)


def make(seed: int = 0, step: int = 0, **values: Any) -> GANAugmentation:
    member = GANAugmentation(**QUICK | values)
    member.stream = Stream(seed, "gan_augmentation", Clock(step=step, passes=-1))
    return member


def prepared(train: Split | None = None, seed: int = 0, **values: Any) -> GANAugmentation:
    member = make(seed, **values)
    member.prepare_data(train if train is not None else toy())
    return member


def batch(rows: int, num_classes: int = 2) -> Batch:
    """Pixels above one and targets all alike, so that whatever was generated shows."""
    return Batch(torch.full((rows, 1, 4, 4), 2.0), torch.full((rows, num_classes), 1 / num_classes))


def generated(shown: Batch) -> Tensor:
    return (shown.inputs <= 1).flatten(1).all(1)


@functools.cache
def trained() -> GANAugmentation:
    return prepared(epochs=40, batch_size=32, width=4, lr=2e-3, share=0.9)


def test_the_generator_learns_the_mean_brightness_of_each_class():
    shown = trained().transform_batch(batch(400))
    made = generated(shown)
    brightness, labels = shown.inputs[made].mean((1, 2, 3)), shown.targets[made].argmax(1)
    assert brightness[labels == 0].mean().item() == pytest.approx(DARK, abs=0.1)
    assert brightness[labels == 1].mean().item() == pytest.approx(BRIGHT, abs=0.1)


def test_a_nearest_mean_classifier_finds_the_wanted_label():
    shown = trained().transform_batch(batch(400))
    made = generated(shown)
    found = (shown.inputs[made].mean((1, 2, 3)) > (DARK + BRIGHT) / 2).long()
    assert (found == shown.targets[made].argmax(1)).float().mean() > 0.95


def test_the_audit_is_told_whether_labels_are_heeded_and_images_vary():
    """Classes 0.6 apart with noise of 0.05 are told apart always; the noise is their spread."""
    note = trained().note()
    assert "label's for 100% of samples (100% of train rows)" in note
    assert note.endswith("within a class (0.05)")


def test_share_of_the_rows_is_generated():
    # 250 of 1000, give or take 5 deviations
    count = generated(prepared().transform_batch(batch(1000))).sum().item()
    assert abs(count - 250) < 5 * (1000 * 0.25 * 0.75) ** 0.5
    assert count not in (0, 250)


def test_wanted_labels_are_balanced_though_the_rows_are_not():
    rows = torch.tensor([*range(0, 64, 2), 1, 3])  # 32 of the first class, 2 of the other
    shown = prepared(toy().subset(rows), share=0.9).transform_batch(batch(1000))
    ones = shown.targets[generated(shown)].argmax(1).float()
    assert abs(ones.mean().item() - 0.5) < 5 * 0.5 / len(ones) ** 0.5


def test_only_classes_that_have_rows_are_wanted():
    shown = prepared(toy(classes=(1, 3), num_classes=5), share=0.9).transform_batch(batch(100, 5))
    rows = shown.targets[generated(shown)]
    assert torch.equal(rows.unique(dim=0), torch.eye(5)[[3, 1]])


def test_other_rows_stay_to_the_bit_and_in_their_order():
    given = Batch(2 + torch.rand(64, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.rand(64, 2))
    inputs, targets = given.inputs.clone(), given.targets.clone()
    shown = prepared().transform_batch(given)
    real = ~generated(shown)
    assert len(shown) == 64
    assert 32 < real.sum() < 64
    assert torch.equal(shown.inputs[real], inputs[real])
    assert torch.equal(shown.targets[real], targets[real])
    assert torch.equal(given.inputs, inputs)
    assert torch.equal(given.targets, targets)


def test_generated_rows_keep_the_type_of_the_batch():
    given = Batch(batch(64).inputs.double(), batch(64).targets.double())
    shown = prepared().transform_batch(given)
    assert shown.inputs.dtype == shown.targets.dtype == torch.float64


def test_samples_from_one_moment_are_equal_and_from_another_not():
    member = prepared()
    one = member.transform_batch(batch(64))
    other = prepared().transform_batch(batch(64))
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.targets, other.targets)
    member.stream = Stream(0, "gan_augmentation", Clock(step=1, passes=-1))
    assert not torch.equal(one.inputs, member.transform_batch(batch(64)).inputs)


def test_an_image_depends_on_its_noise_and_label_alone():
    """In training mode, batch normalization would mix the images of one batch."""
    generator = prepared()._generator
    assert isinstance(generator, Generator)
    noise, labels = torch.randn(8, 100, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    together, alone = generator(noise, labels), generator(noise[:1], labels[:1])
    torch.testing.assert_close(together[:1], alone)
    assert not together.requires_grad


def test_the_same_seed_learns_the_same_generator_and_another_seed_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv(CACHE, str(tmp_path / place))
        found.append(prepared(seed=seed).images()["samples"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_another_share_or_other_validation_rows_learn_nothing_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(CACHE, str(tmp_path))
    for share in (0.25, 0.5):
        config = tiny(reg={"gan_augmentation": reg_node("gan_augmentation", **QUICK | {"share": share})})
        run = build_run(config)
    assert len(list(tmp_path.iterdir())) == 1
    for change in ("val", "select"):
        part = getattr(run.data, change)
        changed = replace(run.data, **{change: replace(part, inputs=part.inputs.flip(0))})
        prepared(changed.train, **QUICK | {"share": 0.1}).note()
    before = {path.name for path in tmp_path.iterdir()}
    train = replace(run.data.train, inputs=run.data.train.inputs.clone())
    train.inputs[0, 0, 0, 0] += 1
    prepared(train)
    assert len({path.name for path in tmp_path.iterdir()} - before) == 1


def test_global_random_state_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(CACHE, str(tmp_path))
    state = torch.get_rng_state()
    member = prepared()
    member.transform_batch(batch(64))
    member.images()
    assert torch.equal(torch.get_rng_state(), state)


def test_train_rows_stay_as_they_are():
    train = toy()
    before = train.inputs.clone(), train.labels.clone()
    prepared(train)
    assert torch.equal(train.inputs, before[0])
    assert torch.equal(train.labels, before[1])


def test_pixels_in_storage_are_scaled_before_anything_is_learned():
    """Taken for numbers up to 255, real images would be far outside of what the discriminator knows."""
    train = toy()
    stored = replace(train, inputs=(train.inputs * 255).round().to(torch.uint8))
    floats = replace(train, inputs=stored.inputs / 255)
    one, other = (prepared(split).images()["samples"] for split in (stored, floats))
    torch.testing.assert_close(one, other)


def test_pictures_are_eight_of_each_class_whatever_the_clock_says():
    member = trained()
    pictures = member.images()["samples"]
    assert pictures.shape == (16, 1, 4, 4)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert pictures[:8].max() < pictures[8:].mean((1, 2, 3)).min()
    member.transform_batch(batch(8))
    later = copy.copy(member)
    later.stream = Stream(0, "gan_augmentation", Clock(step=1, passes=-1))
    assert torch.equal(later.images()["samples"], pictures)


def test_the_generator_is_no_part_of_the_model():
    config = tiny()
    plain = build_run(config).model.state_dict()
    with_it = build_run(
        config | {"reg": {"gan_augmentation": reg_node("gan_augmentation", **QUICK)}}
    ).model.state_dict()
    assert plain.keys() == with_it.keys()


def test_does_nothing_before_it_has_learned_and_at_share_zero():
    given = batch(8)
    assert make().transform_batch(given) is given
    assert make().images() == {}
    member = prepared(Split(torch.zeros(2, 3), torch.tensor([0, 1]), 2), share=0.0)
    assert member.transform_batch(given) is given


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (Split(torch.zeros(4, 3), torch.arange(4) // 2, 2), r"^inputs must be images of shape"),
        (
            Split(torch.zeros(4, 1, 8, 33), torch.arange(4) // 2, 2),
            r"^images must be at most 32 pixels a side, got 8 x 33$",
        ),
        (
            Split(torch.zeros(4, 1, 4, 4), torch.tensor([0, 0, 3, 0]), 4),
            r"^each class must have at least 2 train rows, got 1 of class 3$",
        ),
    ],
)
def test_refuses_data_that_it_cannot_learn_from(split: Split, reason: str):
    with pytest.raises(ValueError, match=reason):
        make().check_data(split)
    make(share=0.0).check_data(split)


def test_takes_images_of_32_pixels_and_a_class_without_rows():
    make().check_data(Split(torch.zeros(4, 3, 32, 32), torch.tensor([0, 0, 2, 2]), 4))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("share", 1.0, r"^share must lie in \[0, 1\), got 1.0$"),
        ("share", -0.1, r"^share must lie in \[0, 1\), got -0.1$"),
        ("epochs", 0, r"^epochs must be at least 1, got 0$"),
        ("batch_size", 1, r"^batch_size must be at least 2, got 1$"),
        ("width", 0, r"^width must be at least 1, got 0$"),
        ("lr", 0.0, r"^lr must be above 0, got 0.0$"),
    ],
)
def test_refuses_what_is_out_of_range(field: str, value: float, reason: str):
    with pytest.raises(ValueError, match=reason):
        make(**{field: value})
