"""Running figures of batch normalizations, of which each rank has moved its own by some micro-batches.

One process moves them by one micro-batch after the other. Each time r becomes kept * r + moved, with `kept`
known and `moved` what is left; so ranks tell each other what their micro-batches have moved, and everyone
goes from the old figures through all of them in their order. A mean over ranks would be another thing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

from regbench.errors import ConfigError
from regbench.training.order import without_waiting
from regbench.weights import plain_name


class RunningFigures:
    """Of a model.

    Args:
        model: whose modules are all there.

    Raises:
        ConfigError: a batch normalization of it asks other processes by itself.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._layers = [m for _, m in model.named_modules() if isinstance(m, _BatchNorm) and _tracks(m)]
        for name, module in model.named_modules():
            if isinstance(module, SyncBatchNorm):
                raise ConfigError(
                    f"model: {_shown(name)} must be no SyncBatchNorm, as each micro-batch is normalized by "
                    "itself, whichever rank works at it"
                )
        self._moving: list[_BatchNorm] = []

    @torch.no_grad()
    def begin(self, parts: int) -> None:
        """Before a pass over the micro-batches of a step, of which there are so many."""
        self._others = {name: (b, b._version) for name, b in _other_buffers(self._model, self._layers)}
        # in an extra pass a layer does not track, and at every rank alike
        self._moving = [layer for layer in self._layers if layer.training and layer.track_running_stats]
        if not self._moving:
            return
        self._start = self._last = _figures(self._moving)
        self._first_counts = self._counts = _counts(self._moving)
        channels, layers = len(self._start), len(self._moving)
        blank = torch.zeros(parts, channels + 2 * layers, dtype=torch.float64, device=self._start.device)
        self._parcel = blank
        self._moved, self._kept, self._seen = blank.split([channels, layers, layers], 1)
        self._widths = self._sent([2 * layer.num_features for layer in self._moving])
        self._of_all = self._sent([layer.momentum is None for layer in self._moving])

    @torch.no_grad()
    def take(self, micro: int) -> None:
        """After this rank has worked at one of them."""
        self._require_others_still()
        if not self._moving:
            return
        now, counts = _figures(self._moving), _counts(self._moving)
        seen = counts - self._counts  # how often a layer was called, 0 or 1 as a rule
        mean = self._of_all
        constant = self._sent([_kept(layer) for layer in self._moving])
        kept = torch.where(mean, self._counts / counts.clamp(min=1), constant**seen)
        kept = torch.where(seen == 0, 1.0, kept)
        moved = now - self._wide(kept) * self._last
        # of a mean over all batches what moves it is divided by their number, which only all ranks know
        self._moved[micro] = moved * self._wide(torch.where(mean, counts, 1.0))
        self._kept[micro], self._seen[micro] = kept, seen
        self._last, self._counts = now, counts

    def parcels(self) -> Sequence[Tensor]:
        """What is to be added up over the ranks."""
        return [self._parcel] if self._moving else []

    @torch.no_grad()
    def fold(self) -> None:
        """Once that is done: go from the figures before the pass through all its micro-batches."""
        if not self._moving:
            return
        figures, counts = self._start, self._first_counts
        for moved, kept, seen in zip(self._moved, self._kept, self._seen, strict=True):
            after, mean = counts + seen, self._of_all
            kept = torch.where(mean & (seen > 0), counts / after.clamp(min=1), kept)
            figures = self._wide(kept) * figures + moved / self._wide(torch.where(mean, after, 1.0))
            counts = after
        of_layers = figures.split([2 * layer.num_features for layer in self._moving])
        for layer, figures, count in zip(self._moving, of_layers, counts, strict=True):
            mean, variance = figures.chunk(2)
            layer.running_mean.copy_(mean)  # type: ignore[union-attr]
            layer.running_var.copy_(variance)  # type: ignore[union-attr]
            layer.num_batches_tracked.copy_(count)  # type: ignore[union-attr]

    def _sent(self, of_layers: Sequence[float]) -> Tensor:
        """A number, or a truth, of each layer where the figures are; in double precision."""
        whole = isinstance(of_layers[0], int)
        values = torch.tensor(of_layers) if whole else torch.tensor(of_layers, dtype=torch.float64)
        return without_waiting(values, self._start.device)

    def _wide(self, of_layers: Tensor) -> Tensor:
        """For each figure what is its layer's."""
        return of_layers.repeat_interleave(self._widths, output_size=len(self._start))

    def _require_others_still(self) -> None:
        """Refuse a model whose forward pass changes buffers of which nobody knows how.

        Raises:
            ConfigError: it does.
        """
        for name, buffer in _other_buffers(self._model, self._layers):
            before, version = self._others.get(name, (None, -1))
            if buffer is not before or buffer._version != version:
                raise ConfigError(
                    f"model: {_shown(name)} must be no buffer that forward passes change, which of several "
                    "ranks only batch normalizations can have; train it by one process"
                )


def _tracks(layer: _BatchNorm) -> bool:
    return layer.running_mean is not None and layer.num_batches_tracked is not None


def _figures(layers: Sequence[_BatchNorm]) -> Tensor:
    """Means and variances, one layer after the other, in double precision."""
    return torch.cat([each.double() for layer in layers for each in (layer.running_mean, layer.running_var)])  # type: ignore[union-attr]


def _counts(layers: Sequence[_BatchNorm]) -> Tensor:
    return torch.stack([layer.num_batches_tracked for layer in layers]).double()  # type: ignore[misc]


def _kept(layer: _BatchNorm) -> float:
    """The share of its figures that a batch leaves; a layer that moves them in parts says it itself."""
    kept: float | None = getattr(layer, "kept", None)
    return 1 - (layer.momentum or 0.0) if kept is None else kept


def _other_buffers(model: nn.Module, layers: Sequence[nn.Module]) -> list[tuple[str, Tensor]]:
    of_layers = {id(buffer) for layer in layers for buffer in layer._buffers.values()}
    return [(name, buffer) for name, buffer in model.named_buffers() if id(buffer) not in of_layers]


def _shown(name: str) -> str:
    return plain_name(name).removeprefix("net.")
