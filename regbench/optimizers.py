"""Wrappers: an optimizer around an optimizer. And torch's own, without torch's compiler."""

from __future__ import annotations

import functools
import inspect
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


# Methods that torch wraps so that its compiler passes them over; the first call imports the compiler.
PASSED_OVER = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def uncompiled(cls: Any) -> Any:
    """A torch optimizer that never imports torch's compiler, which takes about as long as torch itself.

    Args:
        cls: a class of `torch.optim`; anything else is returned as it is.

    Returns:
        A subclass of the same name, whose objects compute and save what those of the class do.
    """
    of_torch = inspect.isclass(cls) and cls.__module__.startswith("torch.optim.")
    return _uncompiled(cls) if of_torch else cls


@functools.cache
def _uncompiled(cls: Any) -> Any:
    plain = {name: inspect.unwrap(getattr(cls, name)) for name in PASSED_OVER}
    update_once = inspect.unwrap(cls.step)

    @functools.wraps(update_once)
    def step(self: Any, closure: Callable[..., Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            _begin_late(self)
            update_once(self)
        return loss

    def load_state_dict(self: Any, state_dict: dict[str, Any]) -> None:
        plain["load_state_dict"](self, state_dict)
        _require_shapes(self)

    ours = {"step": step, "load_state_dict": load_state_dict}
    about = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls,), {**plain, **about, **ours})


def _require_shapes(optimizer: Any) -> None:
    """Refuse a state that is of other weights: a fused kernel looks at no shape, and writes beyond the end.

    Raises:
        ValueError: it is.
    """
    fused = [one for group in optimizer.param_groups if group.get("fused") for one in group["params"]]
    for parameter in fused:
        for name, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape:
                found, due = tuple(value.shape), tuple(parameter.shape)
                raise ValueError(f"{name} must have the shape {due} of its parameter, got {found}")


def _begin_late(optimizer: Any) -> None:
    """Give a buffer to parameters whose first gradient comes later than that of others.

    torch's fused SGD takes a buffer for every parameter or for none. The one given makes of a step what the
    definition makes of a first one: momentum * buffer + (1 - dampening) * gradient = gradient.
    """
    for group in optimizer.param_groups:
        if not (group.get("fused") and group.get("momentum")):
            continue
        moved = [parameter for parameter in group["params"] if parameter.grad is not None]
        late = [one for one in moved if optimizer.state.get(one, {}).get("momentum_buffer") is None]
        for parameter in late if len(late) < len(moved) else ():
            share = group["dampening"] / group["momentum"]
            optimizer.state[parameter]["momentum_buffer"] = parameter.grad * share


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
