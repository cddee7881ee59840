"""FMix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.nn.columns import lowest
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class FMix(Regularizer):
    """Paste regions of another image, of any shape, into each one, and mix their targets by their areas.

    A grey image is drawn whose Fourier coefficients at frequency f (cycles per pixel) are z / f^decay, z
    complex with standard normal parts and f at least 1 over the longer side. With share ~ Beta(alpha, alpha)
    its highest pixels, share of all in number, keep row i, and the others show the same place of image j,
    where j is the row's place in a random permutation of the batch. The targets become
    kept * t_i + (1 - kept) * t_j, where kept is the share of pixels that are row i's, which is share to
    within half a pixel. Departure from the authors' code: the number of pixels is rounded, where theirs is
    rounded up or down by a coin, and its targets have share itself.

    Paper: Harris et al., 2020, https://arxiv.org/abs/2002.12047 (alpha=1, decay=3, p=1, per=batch)

    Attributes:
        alpha: both parameters of the beta distribution, at least 0; 0 pastes nothing.
        decay: power of the frequency, at least 0; the larger, the fewer and smoother the regions. 0 draws
            each pixel by itself.
        p: share of the batches, or of the examples, that are mixed at all, in [0, 1].
        per: whether the whole batch has one mask and one choice, or each example its own.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.1, 4.0, log=True), "p": Interval(0.2, 1.0)}
    follows = ("alpha", "decay", "p")

    alpha: float
    decay: float
    p: float
    per: Literal["batch", "example"]

    def __post_init__(self) -> None:
        for name in ("alpha", "decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_images(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off or self.p == 0:
            return batch
        require_images(batch)
        other = batch[self.stream.permutation(len(batch), batch.inputs.device)]
        pasted = self._pasted(batch.inputs)
        area = pasted.flatten(1).to(batch.targets.dtype).mean(1, keepdim=True)
        targets = batch.targets.lerp(other.targets, area)
        return Batch(torch.where(pasted, other.inputs, batch.inputs), targets, batch.rows_but(area[:, 0] > 0))

    def inert(self) -> str:
        return super().inert() or ("off (p=0.0)" if self.p == 0 else "")

    def _pasted(self, images: Tensor) -> Tensor:
        """Which pixels come from the other image: (B, 1, H, W), or (1, 1, H, W) for one in all."""
        count = 1 if self.per == "batch" else len(images)
        height, width = images.shape[2:]
        device = images.device
        shares = 1 - self.stream.betas(self.alpha, self.alpha, count, device)
        (choice,) = self.stream.uniform((1, count), device)
        sizes = torch.where(choice < self.p, (shares * (height * width)).round(), 0)
        grey = self._grey(count, height, width, device)
        return lowest(grey.flatten(1), sizes).view(count, 1, height, width)

    def _grey(self, count: int, height: int, width: int, device: torch.device) -> Tensor:
        """Random images with little of the high frequencies: (count, H, W)."""
        parts = self.stream.normal((2, count, height, width // 2 + 1), device)
        down, right = torch.fft.fftfreq(height, device=device), torch.fft.rfftfreq(width, device=device)
        frequency = (down[:, None].square() + right.square()).sqrt().clamp(min=1 / max(height, width))
        real, imaginary = parts / frequency**self.decay
        return torch.fft.irfft2(torch.complex(real, imaginary), s=(height, width))
