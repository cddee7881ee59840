"""Wrappers: an optimizer around an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.instantiation.boundary import reason, stops

LR_FACTOR = "lr_factor"  # key of a group of parameters: its learning rate is that of the run times this


class Wrapper:
    """Passes everything on to the optimizer inside; a subclass acts before, within or after its step.

    One that needs the gradient at more places than one changes `step` itself. A closure that it hands on must
    evaluate the loss and its gradient, as torch's protocol says. The training loop's closure also takes
    `probe=True`: the gradient of the data loss alone, unedited, for a look around that is not the update
    itself.
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

    def begin(self) -> None:
        """Before a step, the gradient not yet there."""

    def edit(self) -> None:
        """Change gradients or weights directly before the optimizer inside makes its step."""

    def end(self) -> None:
        """After a step."""

    def step(self, closure: Callable[..., Tensor] | None = None) -> Tensor | None:
        """Update the weights once."""
        self.begin()
        if type(self).edit is Wrapper.edit:
            loss = self.inner.step(closure)
        else:
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            self.edit()
            self.inner.step()
        self.end()
        return loss

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


def update(optimizer: Any, closure: Callable[..., Tensor]) -> None:
    """Update the weights once; what the closure raises passes, and what the optimizer itself does is told.

    Raises:
        ConfigError: the optimizer cannot make a step, or has not called the closure.
    """
    raised: list[BaseException | None] = []

    def watched(*args: Any, **kwargs: Any) -> Tensor:
        raised.append(None)
        try:
            return closure(*args, **kwargs)
        except BaseException as error:
            raised.append(error)
            raise

    try:
        optimizer.step(watched)
    except ConfigError:
        raise
    except BaseException as error:
        if stops(error) or any(error is one for one in raised):
            raise
        raise ConfigError(f"optimizer: cannot make a step, and says: {reason(error)}") from error
    if not raised:
        raise ConfigError(
            "optimizer: must call the closure that its step is given, which computes the gradient"
        )
