"""The trained model of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from regbench.assembly.trained import read_trained
from regbench.composition.trust import UNTRUSTED, Trust
from regbench.data.table_files.taking import RowEncoder
from regbench.data.text_files.tokens import Tokenizer
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.tasks import Regression


def load_model(
    folder: str | Path, weights: str = "best", trust: Trust = UNTRUSTED, in_units: bool = False
) -> nn.Module:
    """See `regbench.load`.

    Args:
        folder: of the run.
        weights: best or last.
        trust: what of the run may be called.
        in_units: whether numbers that it predicts are put back into the unit of their targets; else they are
            standardized, as in training.
    """
    folder = Path(folder)
    if weights not in ("best", "last"):
        raise ConfigError(f"weights must be best or last, got {weights!r}")
    found = read_trained(folder, weights, trust)
    model: Any = found.model
    model.classes, model.numbers = found.classes, found.numbers
    if found.numbers is not None and in_units:
        model.register_forward_hook(InUnits(found.numbers))
    if found.about["vocabulary"] is not None:
        tokens = found.about.get("tokens")
        with refusing(f"{folder}: its words cannot be read: "):
            tokenizer = Tokenizer(**tokens) if tokens else None
        model.register_forward_pre_hook(TakesSentences(tokenizer))
    elif found.about.get("columns") is not None:
        with refusing(f"{folder}: its columns cannot be read: "):
            model.register_forward_pre_hook(TakesRows(RowEncoder(found.about["columns"])))
    return model


class InUnits:
    """After a forward pass: standardized numbers become those of their unit.

    Args:
        numbers: how they were standardized.
    """

    def __init__(self, numbers: Regression) -> None:
        self.numbers = numbers

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...], outputs: Tensor) -> Tensor:
        return self.numbers.in_units(outputs)


class TakesSentences:
    """Before a forward pass: a list of sentences becomes token ids; token ids stay as they are.

    Args:
        tokenizer: of the run; None where its checkpoint has kept no words.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.tokenizer = tokenizer

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the pass.

        Raises:
            ValueError: they are neither, or the words are not known.
        """
        if isinstance(inputs[0], Tensor):
            return inputs
        if self.tokenizer is None:
            raise ValueError("inputs must be token ids, for the run has kept no words of its vocabulary")
        device = next(model.parameters()).device
        return (self.tokenizer(inputs[0]).to(device), *inputs[1:])


class TakesRows:
    """Before a forward pass: rows of a table, dicts or a data frame, become inputs; tensors stay as they are.

    Args:
        encoder: of the run.
    """

    def __init__(self, encoder: RowEncoder) -> None:
        self.encoder = encoder

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the pass.

        Raises:
            ValueError: they are neither.
        """
        if isinstance(inputs[0], Tensor):
            return inputs
        device = next(model.parameters()).device
        return (self.encoder(inputs[0]).to(device), *inputs[1:])
