import pytest
import torch
from torch import Tensor

from regbench.regularizers.sample_pairing import SamplePairing
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(p: float = 1.0, until: float = 1.0, step: int = 0) -> SamplePairing:
    member = SamplePairing(p=p, until=until)
    member.stream = Stream(0, "sample_pairing", Clock(step=step))
    return member


def weights(rows: int, p: float = 1.0, step: int = 0) -> Tensor:
    """How much of each row is in each output: (B, B). Inputs are the rows of an identity matrix."""
    return make(p, step=step).transform_batch(Batch(torch.eye(rows), torch.eye(rows))).inputs


def test_shows_the_mean_of_two_inputs():
    found = weights(32)
    assert set(found.unique().tolist()) <= {0.0, 0.5, 1.0}
    torch.testing.assert_close(found.sum(1), torch.ones(32))
    assert (found.diagonal() >= 0.5).all()
    assert (found.diagonal() == 0.5).sum() > 20


def test_partners_are_a_permutation_of_the_batch():
    partners = 2 * weights(32) - torch.eye(32)
    assert torch.equal(partners.sum(0), torch.ones(32))
    assert not torch.equal(partners, torch.eye(32).roll(1, 0))


def test_images_are_halved_pixel_by_pixel():
    images = torch.rand(8, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    partners = (2 * weights(8) - torch.eye(8)).argmax(1)
    paired = make().transform_batch(Batch(images, torch.eye(8))).inputs
    torch.testing.assert_close(paired, (images + images[partners]) / 2)


def test_targets_are_those_of_the_first():
    batch = Batch(torch.rand(4, 3), torch.eye(4))
    assert make().transform_batch(batch).targets is batch.targets


def test_share_p_of_the_examples_is_paired():
    # 300 of 1000, give or take 5 deviations
    changed = (weights(1000, 0.3).diagonal() < 1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_those_paired_at_a_small_p_are_paired_alike_at_a_large_one():
    few, all_of_them = weights(64, 0.4), weights(64, 1.0)
    chosen = few.diagonal() < 1
    assert torch.equal(few[chosen], all_of_them[chosen])


def test_ends_at_its_share_of_the_run():
    member, batch = make(until=0.75), Batch(torch.eye(8), torch.eye(8))
    acting = []
    for progress in (0.0, 0.75, 0.76, 1.0, 0.0):
        member.begin_step(progress)
        acting.append(not torch.equal(member.transform_batch(batch).inputs, batch.inputs))
    assert acting == [True, True, False, False, True]


def test_given_batch_stays_as_it_is():
    batch = Batch(torch.eye(8), torch.eye(8))
    make().transform_batch(batch)
    assert torch.equal(batch.inputs, torch.eye(8))


def test_same_step_pairs_the_same_way_and_another_step_another_way():
    assert torch.equal(weights(16, step=3), weights(16, step=3))
    assert not torch.equal(weights(16, step=3), weights(16, step=4))


def test_p_zero_returns_the_batch_itself():
    ids = Batch(torch.zeros(2, 3, dtype=torch.int64), torch.eye(2))
    assert make(p=0.0).transform_batch(ids) is ids


def test_refuses_token_ids_but_takes_pixels_in_storage():
    ids = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^sample_pairing needs float inputs, got torch\.int64$"):
        make().transform_batch(Batch(ids, torch.eye(2)))
    with pytest.raises(ValueError, match=r"^sample_pairing needs float inputs, got torch\.int64$"):
        make().check_data(Split(ids, torch.tensor([0, 1]), 2))
    make().check_data(Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), 2))


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_refuses_a_share_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\], got {p}$"):
        make(p=p)


@pytest.mark.parametrize("until", [0.0, 1.5])
def test_refuses_an_end_outside_the_run(until: float):
    with pytest.raises(ValueError, match=rf"^until must lie in \(0, 1\], got {until}$"):
        make(until=until)
