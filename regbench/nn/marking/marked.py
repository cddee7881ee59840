"""Sites around modules of others: what they compute, and the names of their weights, stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.sites import Kind, Site
from regbench.weights import MARKED

Body = Callable[[Tensor], Tensor]
PREFIX = f"{MARKED}."


class Call:
    """The arguments of a module's call, of which the first tensor is what a site acts on."""

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.args, self.kwargs = tuple(args), dict(kwargs)
        place = next((n for n, value in enumerate(self.args) if isinstance(value, Tensor)), None)
        named = next((n for n, value in self.kwargs.items() if isinstance(value, Tensor)), None)
        self.place: int | str | None = named if place is None else place

    @property
    def first(self) -> Tensor | None:
        """The first tensor; None where there is none."""
        if self.place is None:
            return None
        return self.args[self.place] if isinstance(self.place, int) else self.kwargs[self.place]

    def given(self, module: Callable[..., Any], first: Tensor) -> Any:
        """What a module returns for these arguments, the first tensor being another one."""
        if isinstance(self.place, int):
            args = (*self.args[: self.place], first, *self.args[self.place + 1 :])
            return module(*args, **self.kwargs)
        return module(*self.args, **self.kwargs | {str(self.place): first})


class Marked(Site):
    """A site whose body is a module of somebody else's, in whose place it stands.

    Nobody sees the difference: where nothing acts at it, it calls the module as it was called; what a parent
    reads of the module (`norm.weight`, `fc.in_features`) is read through it, but for the names of `Site`;
    and `state_dict` has the names that the model has without it.

    Args:
        kind: as of `Site`.
        shape: as of `Site`.
        axis: as of `Site`.
        module: that stands here; it takes a tensor first, and returns one, alone or first in a tuple.
        default: as of `Site`.
        position: the module's place in the order in which a forward pass ends its modules.
        only: shape, without the rows, of the inputs at which it acts; calls with other shapes run plainly.
            None where all calls have one shape.

    Attributes:
        in_tuple: whether the module returns its tensor in a tuple, so that this does where it is skipped.
    """

    regularized: ClassVar[tuple[str, ...]] = ()  # the module says it itself

    def __init__(
        self,
        kind: Kind,
        shape: Sequence[int],
        axis: int,
        module: nn.Module,
        default: bool = True,
        position: int = 0,
        only: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(kind, shape, axis, module, default)
        self.position, self.only, self.in_tuple = position, only, False
        self.around, self.after = _Wrappers(), _Followers()
        self.register_state_dict_post_hook(_without_prefix)
        self.register_load_state_dict_pre_hook(_with_prefix)
        self.train(module.training)

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__.get("_modules", {})
        if name == "body" and MARKED in modules:
            return modules[MARKED]
        try:
            return super().__getattr__(name)
        except AttributeError:
            if MARKED not in modules or name.startswith("__"):
                raise
        stands, stood = modules[MARKED], self.__dict__.get("stood", ())
        return getattr(stands if hasattr(stands, name) or not stood else stood[0], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "body" and MARKED in self._modules:
            # of what stands here now it is not known what a parent reads of it: in a tuple, it is no module
            self.__dict__.setdefault("stood", (self._modules[MARKED],))
        super().__setattr__(MARKED if name == "body" else name, value)
        if name == "replaced" and value:
            self.register_forward_hook(_be_seen)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if not self.untouched:
            call = Call(args, kwargs)
            if call.first is not None and not self._elsewhere(call.first):
                return self.touched(call)
        return self.body(*args, **kwargs)

    def touched(self, call: Call) -> Any:
        """What stands here with all that acts at it."""
        rest: list[tuple[Any, ...]] = []

        def body(inputs: Tensor) -> Tensor:
            output = call.given(self.body, inputs)
            if not self.in_tuple:
                return output
            rest[:] = [tuple(output[1:])]
            return output[0]

        value = self.through(body, call.first)
        return (value, *(rest[0] if rest else ())) if self.in_tuple else value

    def through(self, body: Body, inputs: Any) -> Tensor:
        """A body with all that stands around and after it."""
        for wrapper in self.around:
            body = partial(wrapper, body)
        return self.after(body(inputs))

    def _elsewhere(self, inputs: Tensor) -> bool:
        return self.only is not None and tuple(inputs.shape[1:]) != self.only


class Behind(Marked):
    """A site behind a module: what acts at it sees the module's output as its input, and the identity."""

    def touched(self, call: Call) -> Any:
        output = self.body(*call.args, **call.kwargs)
        if not self.in_tuple:
            return self.through(_same, output)
        return (self.through(_same, output[0]), *output[1:])


class Residual(Marked):
    """A whole residual block: the branch is block(x) - x, and x is added again.

    So a row whose branch is dropped is its input, to the bit, also where the block ends in an activation.
    """

    def touched(self, call: Call) -> Any:
        inputs: Any = call.first

        def branch(given: Tensor) -> Tensor:
            output = call.given(self.body, given)
            return (output[0] if self.in_tuple else output) - given

        value = inputs + self.through(branch, inputs)
        return (value,) if self.in_tuple else value


class _Seen:
    """A list of modules that is seen to hold some: torch's fused encoder layer runs only without hooks."""

    def append(self: Any, module: nn.Module) -> Any:
        self._see()
        return super().append(module)  # type: ignore[misc]

    def insert(self: Any, index: int, module: nn.Module) -> Any:
        self._see()
        return super().insert(index, module)  # type: ignore[misc]

    def _see(self: Any) -> None:
        if not self._forward_hooks:
            self.register_forward_hook(_be_seen)


class _Wrappers(_Seen, nn.ModuleList):
    pass


class _Followers(_Seen, nn.Sequential):
    pass


def _be_seen(module: nn.Module, inputs: Any, output: Any) -> None:
    """A forward hook that does nothing."""


def _same(inputs: Tensor) -> Tensor:
    return inputs


def _without_prefix(site: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    """After a state was taken: the body's tensors under the names that they have without the site.

    Raises:
        ValueError: another tensor has such a name.
    """
    inner = f"{prefix}{PREFIX}"
    for name in [name for name in state if name.startswith(inner)]:
        plain = f"{prefix}{name[len(inner) :]}"
        if plain in state:
            raise ValueError(
                f"two tensors are called {plain}: one of the model's, one of what acts at a site"
            )
        state[plain] = state.pop(name)
    metadata = getattr(state, "_metadata", {})
    for name in [name for name in metadata if f"{name}.".startswith(inner)]:
        metadata[f"{prefix}{name[len(inner) :]}".removesuffix(".")] = metadata.pop(name)


def _with_prefix(site: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before a state is loaded: the names that the body's tensors have with the site."""
    held = {f"{part}.{name}" for part in ("around", "after") for name in getattr(site, part).state_dict()}
    for name in [name for name in state if name.startswith(prefix)]:
        rest = name[len(prefix) :]
        if not rest.startswith(PREFIX) and rest not in held:
            state[f"{prefix}{PREFIX}{rest}"] = state.pop(name)


def calm(module: nn.Module) -> None:
    """Let activations return new tensors: the same numbers, and what acts at a site may read both."""
    for part in module.modules():
        if not isinstance(part, torch.jit.ScriptModule) and getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]
