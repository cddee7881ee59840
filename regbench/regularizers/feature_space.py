"""Augmentation in feature space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.artefacts import learned
from regbench.images.checks import require_pixels
from regbench.nn.autoencoder import AutoencoderRecipe, encoded, squared_errors
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

WIDEST = 4096  # of a layer of the autoencoder; more would fill the memory
PAIRS = 32  # to look at


@dataclass
class FeatureSpace(Regularizer):
    """Show images decoded from moved codes of train rows in the place of a share of each batch.

    Before the run an autoencoder learns the train rows. Each row of a batch is replaced with probability
    `share` by D(c') and the one-hot label of row j, drawn uniformly from all train rows. With c_j the code of
    row j, c_k that of one of the `neighbours` nearest rows of its class and s the standard deviation of each
    coordinate over the train codes:

        noise: c' = c_j + strength * s * xi, xi standard normal
        interpolate: c' = c_j + strength * (c_k - c_j)
        extrapolate: c' = c_j + strength * (c_j - c_k)

    Departures from the paper: its autoencoder is recurrent, over the rows of an image, and ours is dense; it
    adds every synthetic row to the train set, and we replace rows, so that an epoch keeps its length; k is
    drawn, where the paper makes one row with each neighbour, of which it has 10.

    Paper: DeVries and Taylor, 2017, https://arxiv.org/abs/1702.05538, section 3

    Attributes:
        share: of the rows of a batch that are replaced, in [0, 1).
        mode: how a code is moved.
        strength: how far, at least 0; at 0 rows are only encoded and decoded.
        neighbours: rows to draw k from, at least 1; not used by noise.
        latent: length of a code, at least 1.
        width: units of each hidden layer of the autoencoder, at least 1.
        epochs: of the autoencoder's training, at least 1.
        lr: of its Adam, above 0.
        batch_size: rows of its steps, at least 1.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1], or a class has too
            few rows; `prepare_data`: the autoencoder has diverged.
    """

    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    # neither has the autoencoder learn anew
    search: ClassVar[Mapping[str, Domain]] = {"share": Interval(0.05, 0.5), "strength": Interval(0.1, 1.0)}
    visible_at: ClassVar[Mapping[str, Any]] = {
        "share": 0.5,
        "neighbours": 3,
        "latent": 4,
        "width": 16,
        "epochs": 2,
    }
    needs_classes: ClassVar[bool] = True
    follows = ("share", "strength", "neighbours")
    fixed: ClassVar[Mapping[str, str]] = {
        "latent": "the autoencoder is made with it before the run",
        "width": "the autoencoder is made with it before the run",
        "epochs": "the autoencoder is made with it before the run",
        "lr": "the autoencoder is made with it before the run",
        "batch_size": "the autoencoder is made with it before the run",
    }

    share: float
    mode: Literal["noise", "interpolate", "extrapolate"]
    strength: float
    neighbours: int
    latent: int
    width: int
    epochs: int
    lr: float
    batch_size: int

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share must lie in [0, 1), got {self.share}")
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        for name in ("neighbours", "latent", "width", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("latent", "width"):
            if getattr(self, name) > WIDEST:
                raise ValueError(f"{name} must be at most {WIDEST}, got {getattr(self, name)}")
        self._space: CodeSpace | None = None

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        inputs = train.inputs
        if not (train.is_images and train.mixable):
            raise ValueError(
                "inputs must be images (B, C, H, W), as there is no autoencoder of sequences or features, "
                f"got {inputs.dtype} {tuple(inputs.shape)}"
            )
        require_pixels(train)
        sizes = train.labels.cpu().bincount()
        smallest = int(sizes[sizes > 0].min())
        if self.mode != "noise" and self.neighbours >= smallest:
            raise ValueError(
                f"neighbours must be below {smallest}, the train rows of the smallest class, "
                f"got {self.neighbours}"
            )

    def prepare_data(self, train: Split) -> None:
        if self.is_off:
            return
        # the recipe and not the member: another share, mode or strength needs no other autoencoder
        recipe = AutoencoderRecipe(self.width, self.latent, self.epochs, self.lr, self.batch_size)
        state = learned(recipe, self.stream, train, lambda: _learn(recipe, train))
        self._space = CodeSpace.of(recipe, train, state)

    @torch.no_grad()
    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        space = self._prepared()
        places = (self.stream.uniform((len(batch),)) < self.share).nonzero().flatten()
        rows, codes = self._moved(space, self.stream, len(batch), places)
        one_hot = F.one_hot(space.labels[rows], batch.targets.shape[1])
        here = places.to(batch.inputs.device)
        inputs, targets = batch.inputs.clone(), batch.targets.clone()
        inputs[here] = space.decode(codes).to(inputs)
        targets[here] = one_hot.to(targets)
        return Batch(inputs, targets, batch.rows_but(here))

    def note(self) -> str:
        if self._space is None:
            return ""
        error, spread = self._space.errors
        said = f"the autoencoder's squared error is {error:.4f} a pixel, the mean image's {spread:.4f}"
        if self.strength > 1 and self.mode != "noise":
            said += f"; strength {self.strength} moves a code farther than its neighbour is"
        return said

    @torch.no_grad()
    def images(self) -> dict[str, Tensor]:
        """Pairs, one after the other: a train image, and what is made of it."""
        if self._space is None:
            return {}
        space, still = self._space, Stream(self.stream.seed_of("images"), "images", Clock())
        rows, codes = self._moved(space, still, PAIRS, torch.arange(PAIRS))
        pairs = torch.stack([space.read(rows), space.decode(codes)], 1)
        return {"pairs": pairs.flatten(0, 1).cpu()}

    def _moved(self, space: CodeSpace, stream: Stream, count: int, places: Tensor) -> tuple[Tensor, Tensor]:
        """A train row for each of the places among `count`, and its code when it has been moved.

        Draws are made for all of `count`, so that a place gets the same row whatever the others are.
        """
        rows = stream.integers(len(space.labels), (count,))[places]
        codes = space.codes[rows]
        if self.mode == "noise":
            noise = stream.normal((count, codes.shape[1]))[places].to(codes)
            return rows, codes + self.strength * space.deviations * noise
        ranks = stream.integers(self.neighbours, (count,))[places]
        partners = space.nearest(rows, self.neighbours).gather(1, ranks[:, None]).flatten()
        step = self.strength * (space.codes[partners] - codes)
        return rows, codes + step if self.mode == "interpolate" else codes - step

    def _prepared(self) -> CodeSpace:
        if self._space is None:
            raise ValueError("prepare_data must come before transform_batch, got no autoencoder")
        return self._space


class CodeSpace:
    """What is known of the train rows' codes.

    Args:
        decode: codes (R, latent) to images.
        read: row numbers (R,) to the images themselves.
        codes: (N, latent), of all train rows.
        labels: (N,).
        errors: mean squared error of a pixel, of the autoencoder and of the mean image.
    """

    def __init__(
        self,
        decode: Callable[[Tensor], Tensor],
        read: Callable[[Tensor], Tensor],
        codes: Tensor,
        labels: Tensor,
        errors: tuple[float, float],
    ) -> None:
        self.decode, self.read, self.codes, self.errors = decode, read, codes, errors
        self.labels = labels.cpu()  # row numbers are worked out on the CPU, where they are drawn
        self.deviations = codes.std(0, correction=0)
        self._members = [(self.labels == label).nonzero().flatten() for label in range(int(labels.max()) + 1)]

    @classmethod
    def of(cls, recipe: AutoencoderRecipe, train: Split, state: dict[str, Tensor]) -> CodeSpace:
        """What `_learn` has returned, on the device of the train rows.

        Raises:
            ValueError: the codes are not finite.
        """
        device = train.device
        codes, errors = state.pop("codes").to(device), state.pop("errors").tolist()
        if not codes.isfinite().all():
            raise ValueError(f"lr must be small enough for the autoencoder to converge, got {recipe.lr}")
        with torch.random.fork_rng([]):  # initial weights are drawn, and at once replaced
            autoencoder = recipe.make(train.inputs.shape[1:])
        autoencoder.load_state_dict(state)
        decode = autoencoder.to(device).eval().decode
        return cls(decode, _reader(train), codes, train.labels, tuple(errors))

    def nearest(self, rows: Tensor, count: int) -> Tensor:
        """The numbers (R, count) of the rows of each row's class that are nearest in code, nearest first.

        A row is not its own neighbour; another one of equal code may be.
        """
        found = torch.empty(len(rows), count, dtype=torch.int64)
        labels = self.labels[rows]
        for label in labels.unique():
            members, of_class = self._members[int(label)], labels == label
            from_rows = rows[of_class]
            apart = torch.cdist(
                self.codes[from_rows],
                self.codes[members],
                compute_mode="donot_use_mm_for_euclid_dist",  # which loses the digits that order near ones
            )
            apart[(from_rows[:, None] == members).to(apart.device)] = torch.inf
            found[of_class] = members[apart.topk(count, largest=False).indices.cpu()]
        return found


def _learn(recipe: AutoencoderRecipe, train: Split) -> dict[str, Tensor]:
    """Weights of an autoencoder of the train rows, their codes and the errors."""
    read, rows = _reader(train), len(train)
    autoencoder = recipe.make(train.inputs.shape[1:]).to(train.device)
    recipe.fit(autoencoder, read, rows)
    errors = torch.tensor(squared_errors(autoencoder, read, rows), dtype=torch.float64)
    return {**autoencoder.state_dict(), "codes": encoded(autoencoder, read, rows), "errors": errors}


def _reader(train: Split) -> Callable[[Tensor], Tensor]:
    device, dtype = train.device, torch.get_default_dtype()
    return lambda rows: train[rows.to(device)].inputs.to(dtype)
