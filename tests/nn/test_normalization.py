from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from regbench.nn import normalization
from regbench.nn.normalization import Normalization, Normalized
from regbench.types import Batch, Split


def split_of(inputs: Tensor, scale: float = 255.0) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.int64), num_classes=2, scale=scale)


def test_half_black_and_half_white_has_mean_and_std_one_half() -> None:
    pixels = torch.tensor([0, 255, 255, 0], dtype=torch.uint8).view(1, 1, 2, 2)
    norm = Normalization.of(split_of(pixels))
    assert norm.mean.shape == norm.std.shape == (1, 1, 1)
    assert (norm.mean.item(), norm.std.item()) == (0.5, 0.5)
    assert norm(pixels / 255).flatten().tolist() == [-1, 1, 1, -1]


def test_statistics_are_numpys_per_channel_over_all_chunks() -> None:
    rows = 2 * normalization.ROWS_AT_ONCE + 7
    pixels = torch.randint(0, 17, (rows, 2, 2, 1), dtype=torch.uint8)
    pixels[:, 1] //= 4
    pixels[-7:] = 16  # the last, short chunk counts as any other
    norm = Normalization.of(split_of(pixels, scale=16.0))
    values = pixels.numpy().astype(np.float64) / 16
    np.testing.assert_allclose(norm.mean.flatten(), values.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(norm.std.flatten(), values.std((0, 2, 3)), rtol=1e-6)


def test_floats_are_taken_as_they_are() -> None:
    norm = Normalization.of(split_of(torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)))
    assert (norm.mean.item(), norm.std.item()) == (0.5, 0.25)


def test_the_inputs_of_a_table_are_standardized_already_and_stay_as_they_are() -> None:
    inputs = torch.tensor([[5.0, 0.0], [7.0, 1.0]])
    norm = Normalization.of(Split(inputs, torch.tensor([0, 1]), 2, columns=(0, 1)))
    assert norm.mean.shape == norm.std.shape == (2,)
    assert torch.equal(norm(inputs), inputs)


def test_features_without_pixels_have_one_value_each() -> None:
    norm = Normalization.of(split_of(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])))
    assert norm.mean.tolist() == [0.5, 0.5]


def test_a_constant_channel_becomes_zero() -> None:
    pixels = torch.full((3, 1, 2, 2), 77, dtype=torch.uint8)
    norm = Normalization.of(split_of(pixels))
    assert abs(norm.std.item() - 1e-3) < 1e-9
    torch.testing.assert_close(norm(pixels / 255), torch.zeros(3, 1, 2, 2), atol=1e-4, rtol=0)


class Watched(Split):
    asked: list[int] = []  # noqa: RUF012

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        batch = Split.__getitem__(self, rows)
        self.asked.append(len(batch))
        return batch


def test_only_a_chunk_of_rows_is_float_at_any_moment() -> None:
    rows = normalization.ROWS_AT_ONCE + 1
    split = Watched(torch.zeros(rows, 1, 1, 1, dtype=torch.uint8), torch.zeros(rows, dtype=torch.int64), 2)
    Normalization.of(split)
    assert split.asked == [normalization.ROWS_AT_ONCE, 1]


def test_the_net_sees_standardized_inputs_and_the_statistics_are_saved_but_not_trained() -> None:
    front = Normalization(mean=torch.full((1, 1, 1), 0.5), std=torch.full((1, 1, 1), 0.25))
    model = Normalized(front, nn.Flatten())
    assert model(torch.tensor([[[[1.0, 0.25]]]])).tolist() == [[2.0, -1.0]]
    assert list(model.state_dict()) == ["normalization.mean", "normalization.std"]
    assert list(model.parameters()) == []
