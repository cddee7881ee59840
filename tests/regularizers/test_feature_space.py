from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from regbench.artefacts import CACHE
from regbench.assembly.run import build_run
from regbench.regularizers.feature_space import CodeSpace, FeatureSpace
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split
from tests.conftest import reg_node, tiny

SMALL = {"share": 0.5, "mode": "extrapolate", "strength": 0.5, "neighbours": 3}
SMALL |= {"latent": 4, "width": 16, "epochs": 2, "lr": 0.001, "batch_size": 32}


def make(seed: int = 0, step: int = 0, **fields: object) -> FeatureSpace:
    member = FeatureSpace(**(SMALL | fields))
    member.stream = Stream(seed, "feature_space", Clock(step=step))
    return member


def digits(rows: int = 120) -> Split:
    data = load_digits()
    pixels = torch.tensor(data.images[:rows], dtype=torch.uint8)[:, None]
    return Split(pixels, torch.tensor(data.target[:rows]), 10, scale=16.0)


def taught(seed: int = 0, step: int = 0, train: Split | None = None, **fields: object) -> FeatureSpace:
    member = make(seed, step, **fields)
    member.prepare_data(digits() if train is None else train)
    return member


def points(rows: int = 40, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Distinct codes of whole numbers, of which sums and halves are exact; labels."""
    generator = torch.Generator().manual_seed(1)
    cells = torch.randperm(400, generator=generator)[:rows]
    return torch.stack([cells // 20, cells % 20], 1).float() - 9, torch.arange(rows) % classes


def placed(codes: Tensor, labels: Tensor, **fields: object) -> FeatureSpace:
    """A member whose decoder shows the two numbers of a code as two pixels."""
    member, decode = make(**fields), nn.Unflatten(1, (1, 1, 2))
    member._space = CodeSpace(decode, lambda rows: decode(codes[rows]), codes, labels, (0.0, 0.0))
    return member


def blank(rows: int, classes: int = 3) -> Batch:
    """Rows of 99s that belong to no class, so that a replaced row shows."""
    return Batch(torch.full((rows, 1, 1, 2), 99.0), torch.full((rows, classes), 1 / classes))


def shown(member: FeatureSpace, rows: int = 600) -> tuple[Tensor, Tensor]:
    """Codes and labels of the synthetic rows in a batch."""
    batch = member.transform_batch(blank(rows))
    new = (batch.inputs != 99).flatten(1).any(1)
    assert set(batch.targets[new].unique().tolist()) == {0.0, 1.0}
    return batch.inputs[new].flatten(1), batch.targets[new].argmax(1)


def indices(found: Tensor, codes: Tensor) -> Tensor:
    """Which of the codes each of the found ones is; each must be one."""
    same = (found[:, None] == codes).all(2)
    assert same.sum(1).eq(1).all()
    return same.int().argmax(1)


# --- how codes are moved


def test_a_code_that_is_not_moved_stays_to_the_bit_and_keeps_its_label():
    codes, labels = points()
    for mode in ("noise", "interpolate", "extrapolate"):
        found, classes = shown(placed(codes, labels, mode=mode, strength=0.0))
        assert torch.equal(classes, labels[indices(found, codes)])


def test_interpolation_and_extrapolation_lie_on_either_side_of_the_code():
    codes, labels = points()
    start, _ = shown(placed(codes, labels, strength=0.0))
    inner, _ = shown(placed(codes, labels, mode="interpolate", strength=0.5))
    outer, _ = shown(placed(codes, labels, mode="extrapolate", strength=0.5))
    assert torch.equal((inner + outer) / 2, start)
    whole, _ = shown(placed(codes, labels, mode="interpolate", strength=1.0))
    assert torch.equal(inner, (start + whole) / 2)
    assert (inner != outer).any(1).all()


def test_partners_are_the_nearest_of_the_class_by_brute_force_each_as_likely_and_never_the_row():
    codes, labels = points()
    rows = indices(shown(placed(codes, labels, strength=0.0), 4000)[0], codes)
    partners = indices(shown(placed(codes, labels, mode="interpolate", strength=1.0), 4000)[0], codes)
    assert torch.equal(labels[rows], labels[partners])
    ranks = []
    for row, partner in zip(rows.tolist(), partners.tolist(), strict=True):
        squares = ((codes - codes[row]) ** 2).sum(1).numpy()
        others = np.delete(np.arange(40), row)
        others = others[labels.numpy()[others] == int(labels[row])]
        ranks.append(int((squares[others] < squares[partner]).sum()))
        assert partner != row
    assert max(ranks) < 3
    # about 667 of 2000 at each rank; equal distances share the lower rank
    apart = sorted(ranks.count(rank) for rank in (0, 1, 2))
    assert apart[0] > 350
    assert sum(apart) == len(rows)


def test_nearest_come_in_the_order_of_their_distance_where_no_two_are_equal():
    codes = torch.tensor([[0.0, 0], [1, 0], [3, 0], [7, 0], [0.5, 0], [15, 0]])
    labels = torch.tensor([0, 0, 0, 0, 1, 0])
    space = CodeSpace(nn.Identity(), lambda rows: codes[rows], codes, labels, (0.0, 0.0))
    assert space.nearest(torch.tensor([2, 0, 2]), 3).tolist() == [[1, 0, 3], [1, 2, 3], [1, 0, 3]]


def test_near_codes_far_from_the_origin_are_still_told_apart():
    # |a - b|^2 by |a|^2 - 2ab + |b|^2 would be 0 for all in single precision
    line = torch.tensor([0.0, 4, 1, 2, 8, *range(100, 130)])
    codes = torch.stack([10000 + line / 64, torch.zeros_like(line)], 1)
    space = CodeSpace(nn.Identity(), lambda rows: rows, codes, torch.zeros(35, dtype=torch.int64), (0.0, 0.0))
    assert space.nearest(torch.arange(35), 4)[0].tolist() == [2, 3, 1, 4]


def test_a_twin_of_equal_code_is_a_neighbour_and_the_row_itself_is_none():
    codes = torch.tensor([[1.0, 1], [1, 1], [1, 1], [5, 5]])
    space = CodeSpace(nn.Identity(), lambda rows: rows, codes, torch.zeros(4, dtype=torch.int64), (0.0, 0.0))
    found = space.nearest(torch.arange(3), 2)
    assert [sorted(row) for row in found.tolist()] == [[1, 2], [0, 2], [0, 1]]


def test_noise_has_the_spread_of_the_codes_times_the_strength():
    codes, labels = points()
    codes = codes * torch.tensor([1.0, 0.1])
    moved, _ = shown(placed(codes, labels, mode="noise", strength=0.7), 20000)
    start, _ = shown(placed(codes, labels, mode="noise", strength=0.0), 20000)
    deviations = 0.7 * codes.numpy().std(0)
    xi = (moved - start).numpy() / deviations
    bound = 5 / len(xi) ** 0.5
    assert len(xi) > 9000
    assert np.abs(xi.mean(0)).max() < bound
    assert np.abs(np.cov(xi.T) - np.eye(2)).max() < 2 * bound  # a variance has sqrt(2) of the deviation


def test_rows_are_drawn_from_all_train_rows_alike():
    codes, labels = points()
    counts = indices(shown(placed(codes, labels, strength=0.0), 16000)[0], codes).bincount(minlength=40)
    # 8000 draws of 40: 200 each, deviation 14
    assert (counts - counts.sum() / 40).abs().max() < 5 * 14


# --- what becomes of a batch


def test_the_share_of_replaced_rows_is_binomial():
    counts = []
    for step in range(200):
        batch = placed(*points(), share=0.3, step=step).transform_batch(blank(50))
        counts.append(int((batch.inputs != 99).flatten(1).any(1).sum()))
    # 15 of 50 with variance 10.5; over 200 batches deviations of 0.23 and about 1.05
    assert abs(np.mean(counts) - 15) < 5 * 0.23
    assert abs(np.var(counts) - 10.5) < 5 * 1.05


def test_other_rows_keep_their_place_their_bits_and_their_soft_targets():
    train = digits()
    given = train[:64]
    given = Batch(given.inputs, 0.9 * given.targets + 0.01)
    copy = Batch(given.inputs.clone(), given.targets.clone())
    made_of_it = taught().transform_batch(given)
    kept = (made_of_it.inputs == given.inputs).flatten(1).all(1)
    assert 15 < kept.sum() < 49
    assert torch.equal(made_of_it.targets[kept], given.targets[kept])
    assert (made_of_it.targets[~kept].sort(1).values == torch.eye(10)[9]).all()
    assert torch.equal(given.inputs, copy.inputs)
    assert torch.equal(given.targets, copy.targets)


def test_synthetic_images_at_strength_zero_are_reconstructions_of_train_rows_of_their_class():
    train = digits()
    member = taught(strength=0.0, mode="interpolate")
    batch = member.transform_batch(Batch(torch.zeros(200, 1, 8, 8), torch.zeros(200, 10)))
    new = batch.targets.any(1)
    again = member._space.decode(member._space.codes)
    apart = (batch.inputs[new][:, None] - again).abs().flatten(2).amax(2)
    assert torch.equal(batch.targets[new].argmax(1), train.labels[apart.argmin(1)])
    assert apart.min(1).values.max() < 1e-6
    assert not batch.inputs[~new].any()


def test_images_keep_their_type_and_range_and_ask_for_no_gradient():
    train = digits()
    train = replace(train, inputs=train.inputs.double() / 16)
    batch = taught(train=train, strength=5.0).transform_batch(train[:32])
    assert batch.inputs.dtype == torch.float64
    assert 0 <= batch.inputs.min() <= batch.inputs.max() <= 1
    assert not batch.inputs.requires_grad


def test_same_step_gives_the_same_rows_and_another_step_others():
    given = digits()[:32]
    first, again, later = (taught(step=step).transform_batch(given).inputs for step in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_those_replaced_at_a_small_share_are_replaced_by_the_same_at_a_large_one():
    few, many = (placed(*points(), share=s).transform_batch(blank(200)).inputs for s in (0.2, 0.9))
    new = (few != 99).flatten(1).any(1)
    assert new.any()
    assert torch.equal(few[new], many[new])


def test_a_batch_in_which_no_row_is_drawn_stays_as_it_is():
    for mode in ("noise", "extrapolate"):
        batch = placed(*points(), share=1e-9, mode=mode).transform_batch(blank(8))
        assert torch.equal(batch.inputs, blank(8).inputs)


def test_nothing_touches_the_global_random_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(CACHE, str(tmp_path))
    for mode in ("noise", "extrapolate"):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        member = taught(mode=mode)  # the first learns, the second recalls
        member.transform_batch(digits()[:32])
        member.images()
        assert torch.equal(torch.get_rng_state(), before)


# --- what is learned


def test_learns_from_the_train_split_of_a_run_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(CACHE, str(tmp_path / "run"))
    run = build_run(tiny(reg={"feature_space": reg_node("feature_space", **SMALL)}))
    (of_run,) = (tmp_path / "run").iterdir()
    # a member that is handed the train rows, and could not see others, makes the same artefact
    monkeypatch.setenv(CACHE, str(tmp_path / "alone"))
    train = run.data.train
    taught(train=Split(train.inputs.clone(), train.labels.clone(), 10, scale=16.0))
    (of_train,) = (tmp_path / "alone").iterdir()
    assert of_run.name == of_train.name
    one, other = (torch.load(path, weights_only=True) for path in (of_run, of_train))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["codes"].shape == (len(train), 4)
    changed = train.inputs.clone()
    changed[0, 0, 0, 0] += 1
    taught(train=replace(train, inputs=changed))
    assert len(list((tmp_path / "alone").iterdir())) == 2


def test_the_same_seed_learns_the_same_and_another_seed_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    learned = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv(CACHE, str(tmp_path / folder))
        learned.append(taught(seed)._space.codes)
    assert torch.equal(learned[0], learned[1])
    assert not torch.allclose(learned[0], learned[2], atol=0.01)


def test_other_ways_to_move_codes_need_no_other_autoencoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(CACHE, str(tmp_path))
    for fields in ({}, {"share": 0.1}, {"mode": "noise"}, {"strength": 2.0}, {"neighbours": 1}):
        taught(**fields)
    assert len(list(tmp_path.iterdir())) == 1
    for fields in ({"latent": 3}, {"width": 8}, {"epochs": 1}, {"lr": 0.01}, {"batch_size": 9}):
        taught(**fields)
    assert len(list(tmp_path.iterdir())) == 6


def test_codes_are_those_of_the_train_rows_in_their_order():
    member, train = taught(epochs=20, lr=0.01), digits()
    decoded = member._space.decode(member._space.codes)
    error = ((decoded - train[:].inputs) ** 2).mean().item()
    spread = np.var(train.inputs.numpy() / 16, axis=0).mean()
    assert error == pytest.approx(member._space.errors[0], rel=1e-4)
    assert error < 0.8 * spread
    assert member.note() == (
        f"the autoencoder's squared error is {error:.4f} a pixel, the mean image's {spread:.4f}"
    )


def test_the_train_rows_stay_as_they_are():
    train, same = digits(), digits()
    taught(train=train)
    assert torch.equal(train.inputs, same.inputs)
    assert torch.equal(train.labels, same.labels)


def test_warns_of_a_strength_beyond_the_neighbour():
    assert "strength 1.5 moves a code farther than its neighbour is" in taught(strength=1.5).note()
    assert "strength" not in taught(strength=1.0).note()
    assert "strength" not in taught(strength=1.5, mode="noise").note()


def test_a_learning_rate_that_diverges_is_refused():
    with pytest.raises(
        ValueError, match=r"^lr must be small enough for the autoencoder to converge, got 1e\+30$"
    ):
        taught(lr=1e30, epochs=3)


# --- what a person sees


def test_pictures_are_train_images_each_before_what_is_made_of_it():
    train, member = digits(), taught(strength=0.0)
    (name,) = member.images()
    pairs = member.images()[name].unflatten(0, (-1, 2))
    assert name == "pairs"
    assert pairs.shape == (32, 2, 1, 8, 8)
    rows = indices(pairs[:, 0].flatten(1), train[:].inputs.flatten(1))
    torch.testing.assert_close(pairs[:, 1], member._space.decode(member._space.codes[rows]))


def test_pictures_are_the_same_whenever_they_are_asked_for_and_move_no_draw():
    given = digits()[:32]
    member, other = taught(), taught(step=7)
    pictures = member.images()["pairs"]
    assert 0 <= pictures.min() <= pictures.max() <= 1
    assert torch.equal(pictures, other.images()["pairs"])
    assert torch.equal(member.transform_batch(given).inputs, taught().transform_batch(given).inputs)


# --- what is refused


def test_share_zero_learns_and_does_nothing():
    ids = Split(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 1]), 2)
    member = make(share=0.0)
    member.check_data(ids)
    member.prepare_data(ids)
    batch = Batch(torch.zeros(2, 3), torch.eye(2))
    assert member.transform_batch(batch) is batch
    assert member.note() == ""
    assert member.images() == {}


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_refuses_what_is_no_image(dtype: torch.dtype):
    rows = Split(torch.zeros(2, 3, dtype=dtype), torch.tensor([0, 1]), 2)
    said = rf"^inputs must be images \(B, C, H, W\), .* got {dtype} \(2, 3\)$"
    with pytest.raises(ValueError, match=said):
        make().check_data(rows)
    with pytest.raises(ValueError, match=r"^pixels must lie in \[0, 1\], got 0 to 3$"):
        make().check_data(replace(digits(), inputs=torch.arange(120.0).view(-1, 1, 1, 1) * 3 / 119))


def test_refuses_more_neighbours_than_the_smallest_class_has_other_rows():
    labels = torch.tensor([0] * 5 + [2] * 4)  # class 1 has none, so none of it can be drawn
    rows = Split(torch.rand(9, 1, 2, 2), labels, 3)
    make(neighbours=3).check_data(rows)
    make(neighbours=4, mode="noise").check_data(rows)
    said = r"^neighbours must be below 4, the train rows of the smallest class, got 4$"
    with pytest.raises(ValueError, match=said):
        make(neighbours=4).check_data(rows)


def test_refuses_a_batch_before_it_has_learned():
    with pytest.raises(ValueError, match=r"^prepare_data must come before transform_batch"):
        make().transform_batch(digits()[:4])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("share", -0.1, r"share must lie in \[0, 1\), got -0.1"),
        ("share", 1.0, r"share must lie in \[0, 1\), got 1.0"),
        ("strength", -0.5, "strength must be at least 0, got -0.5"),
        ("lr", 0.0, "lr must be above 0, got 0.0"),
        *[
            (name, 0, f"{name} must be at least 1, got 0")
            for name in ("neighbours", "latent", "width", "epochs", "batch_size")
        ],
    ],
)
def test_refuses_values_outside_their_ranges(field: str, value: float, said: str):
    with pytest.raises(ValueError, match=f"^{said}$"):
        make(**{field: value})
