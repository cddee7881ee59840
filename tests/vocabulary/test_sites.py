from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from regbench.sites import Site, extra_pass, insert, recording, replace, select, sites, wrap


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        return self.factor * inputs


class Shift(nn.Module):
    def __init__(self, step: float) -> None:
        super().__init__()
        self.step = step

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.step


class Around(nn.Module):
    """Add `step` to what the body makes of the inputs."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step = step

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        return 10 * body(inputs) + self.step


class Skip(nn.Module):
    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        return torch.zeros_like(inputs)


class Net(nn.Module):
    """An input site and three hidden sites that multiply by 2, 3 and 5; the second is not for noise."""

    def __init__(self) -> None:
        super().__init__()
        self.input = Site("input", (1,))
        self.a = Site("hidden", (1,), body=Scale(2))
        self.b = Site("hidden", (1,), body=Scale(3), default=False)
        self.c = Site("hidden", (1,), body=Scale(5))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.c(self.b(self.a(self.input(inputs))))


ONE = torch.ones(1, 1)


def names(found: list[tuple[str, Site]]) -> list[str]:
    return [name for name, _ in found]


def test_a_site_without_a_body_is_the_identity() -> None:
    inputs = torch.randn(2, 3)
    assert Site("hidden", [3])(inputs) is inputs


def test_sites_are_found_by_kind_in_the_order_of_the_modules() -> None:
    assert names(sites(Net(), "hidden")) == ["a", "b", "c"]
    assert names(sites(Net(), "input")) == ["input"]
    assert sites(Net(), "branch") == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("default", ["a", "c"]),
        ("all", ["a", "b", "c"]),
        ("input", ["input"]),
        ("first", ["a"]),
        ("last", ["c"]),
        ([1], ["b"]),
        ([2, 0], ["c", "a"]),
        ([-1], ["c"]),
    ],
)
def test_where_names_the_sites(where: str | list[int], expected: list[str]) -> None:
    assert names(select(Net(), "hidden", where)) == expected


def test_default_means_the_last_site_where_the_model_marks_none() -> None:
    model = nn.Sequential(*(Site("hidden", (1,), default=False) for _ in range(3)))
    assert names(select(model, "hidden", "default")) == ["2"]


@pytest.mark.parametrize("where", [[3], [-4], []])
def test_indices_must_be_those_of_sites(where: list[int]) -> None:
    with pytest.raises(ValueError, match=r"indices of Net's hidden sites, 0 to 2, got \["):
        select(Net(), "hidden", where)


def test_a_missing_site_is_an_error_that_names_the_model() -> None:
    with pytest.raises(ValueError, match=r"^Net has no 'branch' site$"):
        insert(Net(), "branch", "all", lambda name, site: nn.Identity())
    with pytest.raises(ValueError, match=r"^Identity has no 'input' site$"):
        select(nn.Identity(), "hidden", "input")


def test_the_error_names_the_model_behind_its_normalization() -> None:
    front = nn.Module()
    front.net = Net()
    with pytest.raises(ValueError, match=r"^Net has no 'norm' site$"):
        select(front, "norm")


def test_insert_acts_after_the_body_in_the_order_of_insertion() -> None:
    model = Net()
    insert(model, "hidden", "first", lambda name, site: Shift(1))  # 1 * 2 + 1 = 3
    insert(model, "hidden", "first", lambda name, site: Scale(7))  # 3 * 7 = 21
    assert model(ONE).item() == 21 * 3 * 5


def test_wrap_acts_around_the_body_the_last_one_outermost() -> None:
    model = Net()
    wrap(model, "hidden", [1], lambda name, site: Around(1))  # 10 * (2 * 3) + 1 = 61
    wrap(model, "hidden", [1], lambda name, site: Around(2))  # 10 * 61 + 2 = 612
    insert(model, "hidden", [1], lambda name, site: Shift(1000))  # after all of it
    assert model(ONE).item() == 1612 * 5


def test_replace_puts_another_body_in_place_within_what_is_around_and_after() -> None:
    model = Net()
    insert(model, "hidden", "last", lambda name, site: Shift(1))
    wrap(model, "hidden", "last", lambda name, site: Around(4))
    replace(model, "hidden", "last", lambda name, site: Scale(-1))
    assert model(ONE).item() == 10 * -6 + 4 + 1


def test_a_body_is_replaced_once() -> None:
    model = Net()
    replace(model, "hidden", "first", lambda name, site: Scale(1))
    replace(model, "hidden", "last", lambda name, site: Scale(1))
    with pytest.raises(ValueError, match="another member has already replaced what stands at a; keep one"):
        replace(model, "hidden", "all", lambda name, site: Scale(1))


def test_make_is_told_the_name_and_the_site() -> None:
    model, told = Net(), []
    insert(model, "hidden", "all", lambda name, site: told.append((name, site)) or nn.Identity())
    assert told == [("a", model.a), ("b", model.b), ("c", model.c)]


def test_recording_collects_hidden_outputs_in_forward_order_with_all_that_stands_there() -> None:
    model = Net()
    insert(model, "hidden", "first", lambda name, site: Shift(1))
    with recording(model, wanted=True) as hidden:
        model(ONE)
    model(ONE)  # the recording has ended
    assert [output.item() for output in hidden] == [3, 9, 45]


def test_recording_is_empty_where_nobody_wants_it_and_ends_with_an_error() -> None:
    model = Net()
    with recording(model, wanted=False) as hidden:
        model(ONE)
    assert list(hidden) == []
    with pytest.raises(RuntimeError, match="boom"), recording(model, wanted=True) as hidden:
        raise RuntimeError("boom")
    model(ONE)
    assert list(hidden) == []


def buffers(model: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def assert_same(one: dict[str, Tensor], two: dict[str, Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(3), nn.InstanceNorm2d(3, track_running_stats=True)])
def test_an_extra_pass_moves_no_running_statistics(norm: nn.Module) -> None:
    inputs = 5 + torch.randn(4, 3, 2, 2)
    norm.train()(inputs)
    before = buffers(norm)
    with extra_pass(norm):
        norm(2 * inputs)
    assert_same(before, buffers(norm))
    norm(2 * inputs)
    assert norm.num_batches_tracked == before["num_batches_tracked"] + isinstance(norm, nn.BatchNorm2d)
    assert not torch.equal(norm.running_mean, before["running_mean"])  # afterwards they move again


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)])
def test_an_extra_pass_normalizes_as_training_does(norm: nn.Module) -> None:
    inputs = 5 + torch.randn(8, 3, 4)
    with extra_pass(norm):
        extra = norm(inputs)
    assert torch.equal(extra, norm(inputs))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)])
def test_an_extra_pass_leaves_a_frozen_normalization_to_its_running_statistics(norm: nn.Module) -> None:
    norm.running_mean.fill_(2.0)  # running variance 1, eps 1e-5: the output is inputs - 2
    norm.eval()
    inputs = torch.randn(8, 3, 4)
    with extra_pass(norm):
        torch.testing.assert_close(norm(inputs), inputs - 2, rtol=0, atol=1e-4)
    assert torch.equal(norm.running_mean, torch.full((3,), 2.0))


def test_statistics_move_again_after_an_extra_pass_that_failed() -> None:
    norm = nn.BatchNorm1d(3)
    with pytest.raises(RuntimeError, match="boom"), extra_pass(norm):
        raise RuntimeError("boom")
    norm(torch.randn(8, 3))
    assert norm.num_batches_tracked == 1


def test_extra_passes_nest() -> None:
    norm = nn.BatchNorm1d(3)
    with extra_pass(norm):
        with extra_pass(norm):
            norm(torch.randn(8, 3))
        norm(torch.randn(8, 3))
    assert norm.num_batches_tracked == 0
    norm(torch.randn(8, 3))
    assert norm.num_batches_tracked == 1


def test_a_wrapper_that_does_not_call_the_body_leaves_its_statistics_and_gradients_alone() -> None:
    branch = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    model = nn.Sequential(nn.Linear(3, 3), Site("branch", (3,), body=branch))
    wrap(model, "branch", "all", lambda name, site: Skip())
    before = buffers(model)
    inputs = torch.randn(8, 3)
    outputs = model(inputs)
    outputs.requires_grad_().sum().backward()
    assert torch.equal(outputs, torch.zeros(8, 3))
    assert_same(before, buffers(model))
    assert all(parameter.grad is None for parameter in branch.parameters())
