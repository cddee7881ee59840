"""Wrappers: an optimizer around an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


class Wrapper:
    """Passes everything on to the optimizer inside; a subclass changes `step`.

    A closure that it hands on must evaluate the loss and its gradient, as torch's protocol says. The training
    loop's closure also takes `probe=True`: the gradient of the data loss alone, unedited, for a look around
    that is not the update itself.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The innermost optimizer's own."""
        return self.inner.param_groups

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.inner.zero_grad()

    def step(self, closure: Callable[..., Tensor] | None = None) -> Tensor | None:
        """Update the weights once."""
        return self.inner.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """The inner optimizer's state."""
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the inner optimizer's state."""
        self.inner.load_state_dict(state)


def innermost(optimizer: Any) -> Any:
    """The torch optimizer within the wrappers."""
    while isinstance(optimizer, Wrapper):
        optimizer = optimizer.inner
    return optimizer


def wrap_innermost(optimizer: Any, wrap: Callable[[Any], Wrapper]) -> Any:
    """Put a wrapper directly around the torch optimizer, within the wrappers there are."""
    if not isinstance(optimizer, Wrapper):
        return wrap(optimizer)
    optimizer.inner = wrap_innermost(optimizer.inner, wrap)
    return optimizer
