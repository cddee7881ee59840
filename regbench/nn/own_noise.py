"""Noise that a model of others brings along: found, and switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

RATE = re.compile(r"(.*_)?drop.*|.*dropout.*|layerdrop", re.IGNORECASE)  # what others call such a probability
NOISY = re.compile(r"drop|stochastic_?depth", re.IGNORECASE)  # classes whose `p` is one
CONFIGS = ("config", "cfg")  # where models of Hugging Face's kind keep the values that they were made from


@dataclass
class Rate:
    """A probability that is above 0.

    Attributes:
        path: of the module.
        holder: the module, or the configuration that it reads.
        name: of the attribute.
    """

    path: str
    holder: Any
    name: str

    @property
    def value(self) -> float:
        """The probability, in (0, 1]."""
        return getattr(self.holder, self.name)

    def __str__(self) -> str:
        return f"{self.path} ({type(self.holder).__name__}, {self.name}={self.value:g})"


def own_noise(net: nn.Module) -> list[Rate]:
    """Every probability above 0 by which a model itself drops something in training.

    Found by name: attributes of modules called `dropout`, `drop_prob`, `attention_dropout` and the like, and
    the `p` of classes called so; and in the configurations that modules of Hugging Face's kind hold.
    """
    found: dict[tuple[int, str], Rate] = {}
    for path, module in net.named_modules():
        for rate in _of_module(path, module):
            found.setdefault((id(rate.holder), rate.name), rate)
    return list(found.values())


def _of_module(path: str, module: nn.Module) -> Iterator[Rate]:
    values = vars(module)
    noisy = NOISY.search(type(module).__name__) is not None
    for name, value in values.items():
        if _is_rate(value) and (RATE.fullmatch(name) or (noisy and name == "p")):
            yield Rate(path or "the model", module, name)
    for held in [values[name] for name in CONFIGS if name in values]:
        for name, value in getattr(held, "__dict__", {}).items():
            if _is_rate(value) and RATE.fullmatch(name):
                yield Rate(path or "the model", held, name)


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def silence(net: nn.Module) -> None:
    """Set every such probability to 0."""
    for rate in own_noise(net):
        setattr(rate.holder, rate.name, 0.0)
