"""GAN-based augmentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from regbench.artefacts import State, learned
from regbench.images.checks import require_pixels
from regbench.nn.gan import NOISE, Discriminator, Duel, Generator, settle
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

WIDEST = 4096  # of a layer of the networks; more would fill the memory
Network = TypeVar("Network", Generator, Discriminator)

LARGEST_SIDE = 32  # pixels a side: the networks have two strided layers, too few for more
SHOWN, COMPARED = 8, 100  # samples per class to look at, and to compare with as many train rows
SETTLING = 1024  # samples for the last estimate of the running statistics


@dataclass
class GANAugmentation(Regularizer):
    """Show images from a generator, which has learned from the train split alone, in place of some rows.

    Before the run a generator G and a discriminator D, both told the label y, play
    min_G max_D E[log D(x | y)] + E[log(1 - D(G(n | y) | y))], n ~ N(0, I) of 100 entries. In the run each
    row of a batch becomes (G(n | y), y) with probability `share`, y uniform over the classes of train; the
    other rows stay. Departures from the papers: G descends -log D, as is usual; D multiplies its features
    with an embedding of the label, learns at four times G's rate and has no batch normalization; each has
    two strided layers, which suit small images.

    Paper: Mirza and Osindero, 2014, https://arxiv.org/abs/1411.1784, section 3.2; networks and settings:
    Radford et al., 2016, https://arxiv.org/abs/1511.06434, sections 3 and 4

    Attributes:
        share: expected share of generated rows, in [0, 1).
        epochs: passes over the train split in which the two networks learn, at least 1.
        batch_size: most real rows, and all generated ones, in each of their updates; at least 2.
        width: channels of their narrower hidden layer, at least 1; the other has twice as many.
        lr: of the generator's Adam, above 0; the discriminator's is four times that.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images of at most 32 pixels a side,
            or a class has a single row.
    """

    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    # it alone does not have the generator learn anew
    search: ClassVar[Mapping[str, Domain]] = {"share": Interval(0.05, 0.5)}
    visible_at: ClassVar[Mapping[str, Any]] = {"epochs": 1, "width": 4}
    needs_classes: ClassVar[bool] = True
    follows = ("share",)
    fixed: ClassVar[Mapping[str, str]] = {
        "epochs": "the generators are made with it before the run",
        "batch_size": "the generators are made with it before the run",
        "width": "the generators are made with it before the run",
        "lr": "the generators are made with it before the run",
    }

    share: float
    epochs: int
    batch_size: int
    width: int
    lr: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share must lie in [0, 1), got {self.share}")
        for name, least in (("epochs", 1), ("batch_size", 2), ("width", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.width > WIDEST:
            raise ValueError(f"width must be at most {WIDEST}, got {self.width}")
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        self._generator: Generator | None = None
        self._classes = torch.empty(0, dtype=torch.int64)
        self._note = ""

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        require_pixels(train)
        height, width = train.inputs.shape[2:]
        if max(height, width) > LARGEST_SIDE:
            raise ValueError(f"images must be at most {LARGEST_SIDE} pixels a side, got {height} x {width}")
        classes, counts = train.labels.unique(return_counts=True)
        if counts.min() < 2:
            alone = classes[counts.argmin()].item()
            raise ValueError(f"each class must have at least 2 train rows, got 1 of class {alone}")

    def prepare_data(self, train: Split) -> None:
        if self.is_off:
            return
        recipe = ConditionalGAN(self.epochs, self.batch_size, self.width, self.lr)
        state = learned(recipe, self.stream, train, lambda: recipe.learn(train))
        with torch.device("meta"):  # no weights to initialize, so nothing is drawn
            generator = _network(Generator, train, self.width)
        generator.load_state_dict(state, assign=True)
        self._generator = generator.to(train.device).eval().requires_grad_(False)
        self._classes = _classes(train)
        size = sum(tensor.numel() for tensor in generator.parameters())
        samples = self._samples(self._generator, COMPARED)
        self._note = f"generator of {size} parameters, {self.epochs} epochs; " + _comparison(samples, train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self._generator is None:
            return batch
        rows = (self.stream.uniform((len(batch),)) < self.share).nonzero()[:, 0]
        if not len(rows):
            return batch
        labels = self._classes[self.stream.integers(len(self._classes), (len(rows),))]
        made = _made(self._generator, self.stream.normal((len(rows), NOISE)), labels)
        inputs, targets, rows = batch.inputs.clone(), batch.targets.clone(), rows.to(batch.inputs.device)
        inputs[rows] = made.to(inputs)
        targets[rows] = torch.eye(targets.shape[1])[labels].to(targets)
        return Batch(inputs, targets, batch.rows_but(rows))

    def note(self) -> str:
        return self._note

    def images(self) -> dict[str, Tensor]:
        return {} if self._generator is None else {"samples": self._samples(self._generator, SHOWN)}

    def _samples(self, generator: Generator, per_class: int) -> Tensor:
        """Images, class after class; the same whenever they are asked for."""
        fixed = torch.Generator().manual_seed(self.stream.seed_of("samples"))
        labels = self._classes.repeat_interleave(per_class)
        return _made(generator, torch.randn(len(labels), NOISE, generator=fixed), labels)


@dataclass(frozen=True)
class ConditionalGAN:
    """What a generator depends on beside rows and seed; another `share` is no reason to learn anew."""

    epochs: int
    batch_size: int
    width: int
    lr: float

    def learn(self, train: Split) -> State:
        """The generator's state after all epochs; draws from the global random state."""
        device, classes = train.device, _classes(train)
        generator = _network(Generator, train, self.width).to(device)
        duel = Duel(generator, _network(Discriminator, train, self.width).to(device), self.lr)
        parts = -(-len(train) // self.batch_size)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(train)).to(device).tensor_split(parts):
                wishes = _wishes(classes, self.batch_size, device)
                duel.play(train[rows].inputs, train.labels[rows], *wishes)
        settle(generator, *_wishes(classes, SETTLING, device))
        return generator.state_dict()


def _wishes(classes: Tensor, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Noise and balanced labels for images to be made, drawn on the CPU and alike for every device."""
    labels = classes[torch.randint(len(classes), (count,))]
    return torch.randn(count, NOISE).to(device), labels.to(device)


def _network(kind: type[Network], train: Split, width: int) -> Network:
    """A new network for images and labels such as those of train."""
    channels, rows, columns = train.inputs.shape[1:]
    return kind((channels, rows, columns), train.num_classes, width)


def _classes(train: Split) -> Tensor:
    """The classes that have rows, in order, on the CPU."""
    return train.labels.unique().cpu()


@torch.no_grad()
def _made(generator: Generator, noise: Tensor, labels: Tensor) -> Tensor:
    """What the generator, on its device, makes of noise and labels."""
    device = generator.embed.weight.device
    return generator(noise.to(device), labels.to(device))


def _comparison(samples: Tensor, train: Split) -> str:
    """Whether samples, class after class, heed their label, and vary, as train rows do."""
    made = list(samples.flatten(1).split(COMPARED))
    places = [(train.labels == label).nonzero()[:COMPARED, 0] for label in _classes(train).tolist()]
    real = [train[rows].inputs.flatten(1) for rows in places]
    means = torch.stack([rows.mean(0) for rows in real])
    return (
        f"the nearest class mean of train is the label's for {_agreement(made, means):.0%} of samples "
        f"({_agreement(real, means):.0%} of train rows), pixels deviate by {_spread(made):.2f} "
        f"within a class ({_spread(real):.2f})"
    )


def _agreement(images: list[Tensor], means: Tensor) -> float:
    """Share of the images, listed by class, whose nearest mean is that of their class."""
    hits = [torch.cdist(rows, means).argmin(1) == place for place, rows in enumerate(images)]
    return torch.cat(hits).float().mean().item()


def _spread(images: list[Tensor]) -> float:
    """Root of the mean variance of a pixel within a class."""
    return torch.stack([rows.var(0, correction=0).mean() for rows in images]).mean().sqrt().item()
