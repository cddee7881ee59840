"""Within a step nothing waits for a GPU, and nothing is copied to it: seen without one, on a fake device."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from regbench.assembly.run import build_run
from regbench.models import rnn, transformer
from regbench.streams import Clock, Stream
from regbench.training.loop import train_epoch
from tests.conftest import reg_node
from tests.laws.conftest import in_turn
from tests.laws.fake_device import GPU, FakeTensorMode, copies_of_a_step
from tests.laws.test_contract import MODELS, REGS, config_for, on, refusal

# What is known to wait, and why: rows that are chosen, or targets that are looked at, in every step.
WAITING = {
    "augmix": "compares the targets of its views",
    "feature_space": "chooses rows",
    "gan_augmentation": "chooses rows",
    "smart_augmentation": "chooses rows, and looks whether targets are mixed",
}
UNSEEN = dict.fromkeys(
    ["adversarial", "jacobian", "virtual_adversarial"],
    "takes the gradient of its inputs, and a fake device has none",
)


@pytest.fixture(autouse=True)
def _untrimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of texts wait once a forward pass for the length of the longest row; here they do without.

    cuDNN's recurrent kernel, which asks for the device itself, is left out.
    """
    for module in (rnn, transformer):
        monkeypatch.setattr(module, "trimmed", lambda tokens: tokens)

    def lstm(inputs: torch.Tensor, start: tuple[torch.Tensor, ...], *_: object) -> tuple[torch.Tensor]:
        return (inputs.new_zeros(*inputs.shape[:2], start[0].shape[-1]),)

    monkeypatch.setattr(torch, "lstm", lstm)


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", [name for name in REGS if name not in {*WAITING, *UNSEEN}])
def test_a_step_neither_waits_nor_copies(name: str, model: str) -> None:
    assert not copies_of_a_step(build_run(config_for(model, {name: on(name)})))


@pytest.mark.parametrize("name", WAITING)
def test_what_is_known_to_wait_does(name: str) -> None:
    model = next(model for model in MODELS if not refusal(name, model))
    with pytest.raises(Exception, match=r"aten\.(nonzero|equal|_local_scalar_dense)"):
        copies_of_a_step(build_run(config_for(model, {name: on(name)})))


def test_the_fake_device_sees_a_copy() -> None:
    with FakeTensorMode():
        assert torch.zeros(2).to(GPU).device == GPU
    run = build_run(config_for("mlp", {"mixup": reg_node("mixup")}))
    step = run.reg.members["mixup"].transform_batch
    run.reg.members["mixup"].transform_batch = lambda batch: step(batch[torch.arange(8).to(GPU)])  # type: ignore
    assert copies_of_a_step(run)["cpu to cuda"] == 1


@pytest.mark.parametrize("rows", [64, 256])
def test_an_epoch_reads_the_device_as_often_whatever_its_length(rows: int) -> None:
    """Once for each term of the objective at most, at its end; on the CPU every 50 steps more."""

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.count += func.overloadpacket.__name__ == "_local_scalar_dense"
            return func(*args, **(kwargs or {}))

    config = config_for("mlp", {"l1": on("l1"), "dropout": on("dropout")})
    config["dataset"]["num_train"] = rows
    run = build_run(config)
    with Reads() as reads:
        for _ in train_epoch(run, 0):
            pass
    assert reads.count <= 2


def test_draws_are_the_same_by_the_way_of_a_gpu() -> None:
    """The way of tensors, taken on the CPU, against that of numpy."""

    class ByTensors(Stream):
        def _halves(self, count, device, whole=False):  # type: ignore[no-untyped-def]
            halves = super()._halves(count, device, whole)
            return torch.from_numpy(halves.copy().view("int32"))

    def draws(kind: type[Stream]) -> list[torch.Tensor]:
        stream = kind(3, "member", Clock(step=5), "site")
        like = torch.zeros(5, 7)
        return [
            *(
                stream.mask(like, 0.3),
                stream.uniform((3, 4)),
                stream.integers(10, (9,)),
                stream.permutation(8),
            ),
            *(stream.integers(2**62, (4,)), stream.normal((2, 5)), stream.betas(0.4, 0.4, 6)),
        ]

    for one, other in zip(draws(Stream), draws(ByTensors), strict=True):
        if one.is_floating_point():
            torch.testing.assert_close(one, other, rtol=1e-6, atol=math.ulp(1.0))
        else:
            assert torch.equal(one, other)
