"""One more pass of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from regbench.nn.logits import still_logits
from regbench.sites import extra_pass
from regbench.streams import Stream
from regbench.types import ForwardPass


class DrawnOnce(nn.Module):
    """Something that one draw changes at all of its readings in a forward pass, such as a noisy weight.

    Args:
        stream: of the member.
        place: what has the draw to itself; two with one place have the same.
    """

    def __init__(self, stream: Stream, place: str) -> None:
        super().__init__()
        self.stream, self.place = stream, place
        self._again = False  # whether a further pass is being made
        self._count, self._counted_at = 0, ""  # further passes, and at which moment of the clock

    def draws(self) -> Stream:
        """The stream of this pass, from its start: the same at every reading."""
        # a stream made anew begins at the first draw of the moment; one that is kept would go on
        if self._again:
            return self.stream.at(f"{self.place}, pass {self._count}")
        self._count = 0  # the batch's own pass, after which passes are counted, also where it is tried again
        return self.stream.at(self.place)

    def begin_again(self) -> None:
        """A further pass begins, at the same moment of the clock."""
        moment = str(self.stream.moment)
        self._count = self._count + 1 if moment == self._counted_at else 1
        self._again, self._counted_at = True, moment

    def end_again(self) -> None:
        """It is done."""
        self._again = False


@contextmanager
def drawing_anew(model: nn.Module) -> Iterator[None]:
    """Within, for one pass of a model, what has one draw for a whole pass has another one."""
    found = [module for module in model.modules() if isinstance(module, DrawnOnce)]
    for module in found:
        module.begin_again()
    try:
        yield
    finally:
        for module in found:
            module.end_again()


def another_pass(
    forward: ForwardPass, inputs: Tensor, model: nn.Module | None = None, exact: bool = False
) -> Tensor:
    """The logits, (B, K) float32, of some inputs in the place of the batch's.

    The model is in training mode, its noise drawn anew; running statistics stay as they are, and the rows are
    normalized by their own.

    Args:
        forward: the step's pass over its batch.
        inputs: as many rows.
        model: with the modules of the pass's, perhaps with other weights; None for that one itself.
        exact: whether to compute in single precision where the pass was in bfloat16.
    """
    with extra_pass(forward.model), drawing_anew(forward.model):
        return _logits(forward, inputs, model or forward.model, forward.bf16 and not exact)


def pass_of_another(forward: ForwardPass, model: nn.Module) -> Tensor:
    """The logits, (B, K) float32, of another model for the batch's inputs, in the number format of the pass.

    The model of the pass, its noise and its statistics, have no part in it.
    """
    return _logits(forward, forward.batch.inputs, model, forward.bf16)


def _logits(forward: ForwardPass, inputs: Tensor, model: nn.Module, rounded: bool) -> Tensor:
    precision = torch.autocast(inputs.device.type, torch.bfloat16) if rounded else nullcontext()
    with precision:
        output = model(inputs)
    return still_logits(output, *forward.batch.targets.shape).float()
