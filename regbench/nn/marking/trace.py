"""One forward pass of a model, watched: which modules run, in what order, on what, and what adds to what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from regbench.nn.logits import logits_of
from regbench.nn.marking.marked import Call

# operations that a block may end in behind its sum, by the names of their nodes in torch's graph
ENDS = re.compile(
    r"(Relu|Silu|Gelu|Elu|Mish|Tanh|Sigmoid|Softplus|LeakyRelu|Prelu|Hard\w+|LogSigmoid|Clamp\w*|Clone|Alias)"
    r"Backward\d*"
)
NORMALIZES = re.compile(r"((Native|Cudnn|Miopen)?(Layer|Batch|Group)Norm|FusedRmsNorm)Backward\d*")
SUM, PRODUCT = re.compile(r"Add(c\w+)?Backward\d*"), re.compile(r"Mul\w*Backward\d*")
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


@dataclass
class Seen:
    """One call of a module.

    Attributes:
        position: how many calls had ended when it did.
        inputs: the first tensor that it was given.
        output: the tensor that it returned, alone or first in a tuple.
        alone: whether it returned nothing beside.
        in_tuple: whether it returned the tensor in a tuple.
        axis: of the output's channels, the rows not counted.
        residual: whether inputs are added to the output's other part, with no more than an activation or a
            normalization behind the sum.
        gate: whether the output is the inputs times something.
        within: the modules that were running, outermost first.
        node: of the output in torch's graph.
    """

    position: int
    inputs: Tensor
    output: Tensor
    alone: bool
    in_tuple: bool
    axis: int
    residual: bool
    gate: bool
    within: list[nn.Module]
    node: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the output, without the rows."""
        return tuple(self.output.shape[1:])

    @property
    def by_row(self) -> bool:
        """Whether inputs and output have a first axis of rows."""
        return self.output.ndim > 1 and self.inputs.shape[:1] == self.output.shape[:1]

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the inputs, which are left as they were."""
        return self.inputs.shape == self.output.shape and self.inputs.dtype == self.output.dtype


@dataclass
class Trace:
    """What a forward pass showed.

    Attributes:
        calls: of each module that returned a tensor, in their order.
        rows: the model's inputs.
        output: what the model returned.
    """

    rows: Tensor
    calls: dict[nn.Module, list[Seen]] = field(default_factory=dict)
    output: Any = None

    def of(self, module: nn.Module) -> list[Seen]:
        """The calls of a module; none where it was not reached."""
        return self.calls.get(module, [])

    def separates(self, seen: Seen) -> bool:
        """Whether every way from the model's inputs to its output leads through the output of a call."""
        output = logits_of(self.output)
        if self.rows.is_floating_point():
            sources = {self.rows.grad_fn}
        else:  # token ids have no gradient: what looks them up begins the graph
            sources = {one.node for calls in self.calls.values() for one in calls if one.inputs is self.rows}
        if not isinstance(output, Tensor) or seen.node is None or seen.node in sources:
            return False
        return not _reached(output.grad_fn, sources, seen.node)


def watched(net: nn.Module, rows: Tensor) -> Trace:
    """Run a model once in training mode and see what its modules do.

    Args:
        net: whose running statistics are moved.
        rows: (2, ...), floats or token ids.

    Raises:
        Exception: whatever the model raises.
    """
    source = rows.clone().requires_grad_() * 1 if rows.is_floating_point() else rows
    trace = Trace(source)
    watch = _Watch(trace)
    with ExitStack() as handles:
        for module in net.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                handles.enter_context(watch.hooked(module))
        handles.enter_context(_unfused(net))
        trace.output = net.train()(source)
    return trace


def _reached(output: Any, sources: set[Any], without: Any) -> bool:
    """Whether a way leads from an output to one of the sources that does not pass a node."""
    waiting, done = [output], {without, None}
    while waiting:
        node = waiting.pop()
        if node in done:
            continue
        if node in sources:
            return True
        done.add(node)
        waiting += [following for following, _ in node.next_functions]
    return False


class _Watch:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.running: list[tuple[nn.Module, Tensor | None, Any, int]] = []
        self.ended = 0
        self.axes: dict[int, int] = {}  # of tensors that the trace keeps, from the last on
        self.kept: list[Any] = []

    @contextmanager
    def hooked(self, module: nn.Module) -> Iterator[None]:
        before = module.register_forward_pre_hook(self.starts, with_kwargs=True, prepend=False)
        after = module.register_forward_hook(self.ends)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def starts(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        first = Call(args, kwargs).first
        node = None if first is None else _node(first)
        self.running.append((module, first, node, 0 if first is None else first._version))

    def ends(self, module: nn.Module, args: Any, output: Any) -> None:
        _, inputs, node, version = self.running.pop()
        first = output[0] if type(output) is tuple and output else output
        self.ended += 1
        if inputs is None or not isinstance(first, Tensor):
            return
        intact = inputs._version == version
        axis = self._axis(module, inputs, first)
        self.kept.append((inputs, first, node, _node(first)))  # so that nothing else gets their ids
        seen = Seen(
            position=self.ended,
            inputs=inputs,
            output=first,
            alone=first is output or len(output) == 1,
            in_tuple=first is not output,
            axis=axis,
            residual=intact and _leads(_node(first), node, SUM),
            gate=_leads(_node(first), node, PRODUCT, ends=False),
            within=[one for one, *_ in self.running],
            node=_node(first),
        )
        self.trace.calls.setdefault(module, []).append(seen)

    def _axis(self, module: nn.Module, inputs: Tensor, output: Tensor) -> int:
        last, known = output.ndim - 2, self.axes.get(id(inputs))
        if isinstance(module, nn.Linear | nn.Embedding | nn.MultiheadAttention):
            known = last
        elif isinstance(module, _ConvNd | _NormBase | nn.GroupNorm):
            known = 0
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
            first = _own_forward(module) and tuple(output.shape[1:2]) == tuple(module.normalized_shape)
            known = 0 if first or len(module.normalized_shape) > 1 else last
        elif id(output) in self.axes:
            known = self.axes[id(output)]
        elif any(True for _ in module.children()) or inputs.shape != output.shape:
            known = None
        if known is not None:
            self.axes[id(output)] = known
            return max(known, 0)
        return last if output.ndim == 3 else 0


def _own_forward(module: nn.Module) -> bool:
    """Whether a class of others' changes how torch's layer normalization sees its inputs (channels first)."""
    return type(module).forward not in (nn.LayerNorm.forward, nn.RMSNorm.forward)


def _node(tensor: Tensor) -> Any:
    return tensor.grad_fn


def _leads(output: Any, source: Any, through: re.Pattern[str], ends: bool = True) -> bool:
    """Whether a way in torch's graph leads from an output to a source by an operation, and little else."""
    if output is None or source is None or output is source:
        return False
    waiting, done = [(output, False)], set()
    while waiting:
        node, passed = waiting.pop()
        if node is source:
            if passed:
                return True
            continue
        if node is None or (id(node), passed) in done:
            continue
        done.add((id(node), passed))
        name = node.name().rpartition("::")[2]
        if through.fullmatch(name):
            passed = True
        elif not (ends and (NORMALIZES.fullmatch(name) or (not passed and ENDS.fullmatch(name)))):
            continue
        waiting += [(following, passed) for following, _ in node.next_functions]
    return False


@contextmanager
def _unfused(net: nn.Module) -> Iterator[None]:
    """Let attentions of timm's kind show their probabilities, for the while."""
    fused: list[Any] = [m for m in net.modules() if getattr(m, "fused_attn", None) is True]
    for module in fused:
        module.fused_attn = False
    try:
        yield
    finally:
        for module in fused:
            module.fused_attn = True
