"""Smart augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.images.checks import require_pixels
from regbench.nn.augmenter import Learner, augmenter, critic
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, ForwardPass, Split

WIDEST = 4096  # of a layer of the augmenter; more would fill the memory
TOLERANCE = 1e-4  # between two shares of a row of targets that count as equal


@dataclass
class SmartAugmentation(Regularizer):
    """Show images merged from train images of one class by a network that learns beside the model.

    For a share p of the rows (x, t) the augmenter A makes x' = A(k train images of the class of t), shown
    below the batch with target t. With CE(.) the mean cross-entropy over the rows named and x_r one more
    train image of that class, k + 1 different ones in all, what is minimized over the model and A together is
    smart: alpha * MSE(x', x_r) + beta * (CE(batch) + CE(x'));
    neural: alpha * L + beta * CE(batch and x'), L = 0 (none), MSE(x', second image) (content) or the mean
    squared difference of their Gram matrices (style), V V^T / places with V the image as (channels, places).
    critic adds alpha * mean softplus(-D(x')), D a network that descends softplus(-D(x_r)) + softplus(D(x')).
    A learns by whatever gradient reaches x', that of other members' penalties too; of several passes over one
    batch the last counts. A and D are no part of the model: training, evaluation and what is kept know the
    model alone. Departures from the papers: one network for both variants, five 3x3 convolutions and a
    sigmoid; Adam of its own with a constant lr; the critic is in neither paper.

    Paper: Lemley, Bazrafkan and Corcoran, 2017, https://arxiv.org/abs/1703.08383, section 3; neural: Perez
    and Wang, 2017, https://arxiv.org/abs/1712.04621, section 3.3

    Attributes:
        variant: which objective.
        p: share of the rows for which an image is made, in [0, 1].
        k: images that are merged into one, at least 2; the neural variant takes 2.
        alpha: weight of what judges the made images alone, at least 0.
        beta: weight of the cross-entropies, at least 0; at 0 the model itself learns nothing.
        aug_loss: L of the neural variant; smart does not read it.
        width: channels of the hidden layers of A, and of D's first, at least 1.
        lr: learning rate of A and D, above 0.
        critic: whether there is a D.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1], or a class has
            fewer than k + 1 rows; `transform_batch`: a row of targets is no label, smoothed evenly at most
            (of two classes: is even); `data_loss` and `penalty`: a later member changed the number of rows.
    """

    kind = "noise on inputs"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.2, 1.0), "alpha": Interval(0.1, 0.9)}
    weighs_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    follows = ("p", "alpha", "beta", "lr")
    fixed: ClassVar[Mapping[str, str]] = {
        "k": "the augmenter is built for so many images",
        "width": "the augmenter is built with it",
    }

    variant: Literal["smart", "neural"]
    p: float
    k: int
    alpha: float
    beta: float
    aug_loss: Literal["none", "content", "style"]
    width: int
    lr: float
    critic: bool

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        for name, least in (("k", 2), ("alpha", 0), ("beta", 0), ("width", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.width > WIDEST:
            raise ValueError(f"width must be at most {WIDEST}, got {self.width}")
        if self.variant == "neural" and self.k != 2:
            raise ValueError(f"k must be 2 in the neural variant, got {self.k}")
        if self.alpha == self.beta == 0:
            raise ValueError("alpha or beta must be above 0, got 0 for both")
        if self.critic and self.alpha == 0:
            raise ValueError("alpha must be above 0 with a critic, whose weight it is, got 0")
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        self._learners: dict[str, Learner] = {}
        self._made: dict[int, Made] = {}  # by micro-batch: all are made before the first forward pass

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for learner in self._learners.values():
            learner.set_rate(self.lr)

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        require_pixels(train)
        sizes = train.labels.cpu().bincount(minlength=train.num_classes)
        if sizes.min() <= self.k:
            raise ValueError(
                f"every class must have at least k + 1 = {self.k + 1} train rows, got {sizes.min().item()} "
                f"of class {sizes.argmin().item()}"
            )

    def prepare_data(self, train: Split) -> None:
        if self.is_off:
            return
        self._train, self._classes = train, Classes(train)
        like, channels = train[:1].inputs, train.inputs.shape[1]
        with torch.random.fork_rng([like.device] if like.is_cuda else []):
            torch.manual_seed(self.stream.seed_of("augmenter"))
            nets = {"augmenter": augmenter(self.k, channels, self.width)}
            if self.critic:
                nets["critic"] = critic(channels, self.width)
        self._learners = {name: Learner(net.to(like), self.lr) for name, net in nets.items()}

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        classes = classes_of(batch.targets)
        rows = (self.stream.uniform((len(batch),)) < self.p).nonzero().flatten().to(classes.device)
        if not len(rows):
            return batch
        draws = self.stream.uniform((len(rows), self.k + 1)).to(classes.device)
        sources = self._train[self._classes.rows(classes[rows], draws)].inputs
        images = self._learners["augmenter"].net(sources[:, : self.k].flatten(1, 2))
        # a leaf: several passes over this batch leave A's own graph alone
        shown = images.detach().requires_grad_()
        self._made[self.stream.micro] = Made(images, shown, sources, len(batch))
        given = batch.rows
        numbers = None if given is None else torch.cat([given, torch.full_like(given[: len(rows)], -1)])
        targets = torch.cat([batch.targets, batch.targets[rows]])
        return Batch(torch.cat([batch.inputs, shown]), targets, numbers)

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        weights = forward.class_weights
        losses = F.cross_entropy(forward.logits, forward.batch.targets, weights, reduction="none")
        made = self._made_for(forward)
        if made is not None:
            made.shown.grad = None  # left by an earlier pass over this batch
        if made is None or self.variant == "neural":
            return self.beta * losses.mean()
        return self.beta * (losses[: made.given].mean() + losses[made.given :].mean())

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        made = self._made_for(forward)
        if made is None or self.alpha == 0:
            return None
        terms = [self._image_loss(made)]
        if self.critic:
            terms.append(F.softplus(-self._learners["critic"].net(made.shown)).mean())
        return self.alpha * torch.stack(terms).sum()

    def end_step(self, model: nn.Module) -> None:
        made = [each for each in self._made.values() if each.shown.grad is not None]
        self._made = {}
        share = self._share(made)
        if share is None:
            return
        images, gradients = [m.images for m in made], [m.shown.grad for m in made]
        self._learners["augmenter"].step(images, gradients, self.ranks)
        if self.critic:
            self._teach_critic(made, share)

    def note(self) -> str:
        if self.is_off:
            return ""
        smart = self.variant == "smart"
        judges = "MSE to another image" if smart else f"augmentation loss ({self.aug_loss})"
        judges += " and the critic's loss" if self.critic else ""
        entropies = "the sum of two cross-entropies" if smart else "one cross-entropy over all rows"
        return f"alpha {self.alpha:g} on the {judges}, beta {self.beta:g} on {entropies}"

    def state_dict(self) -> dict[str, Any]:
        return {name: learner.state_dict() for name, learner in self._learners.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, learner in self._learners.items():
            learner.load_state_dict(state[name])

    def _share(self, made: list[Made]) -> float | None:
        """Which share of the images that the step has made was made here; None where it has made none."""
        own = sum(len(each.shown) for each in made)
        if self.ranks is None:
            return 1.0 if own else None
        count = torch.tensor(float(own), device=self._train.device)
        self.ranks.add_up([count])
        return own / count.item() if count.item() else None

    def _teach_critic(self, made: list[Made], share: float) -> None:
        """Let it tell the made images from as many train images of the same classes."""
        learner = self._learners["critic"]
        losses = []
        if made:
            real, fake = torch.cat([m.other for m in made]), torch.cat([m.shown.detach() for m in made])
            loss = F.softplus(-learner.net(real)).mean() + F.softplus(learner.net(fake)).mean()
            losses = [loss if share == 1 else share * loss]
        learner.step(losses, ranks=self.ranks)

    def _image_loss(self, made: Made) -> Tensor:
        """What the made images are held to, without its weight; a scalar."""
        if self.variant == "smart":
            return F.mse_loss(made.shown, made.other)
        if self.aug_loss == "none":
            return made.shown.new_zeros(())
        second = made.sources[:, 1]
        if self.aug_loss == "content":
            return F.mse_loss(made.shown, second)
        return F.mse_loss(gram(made.shown), gram(second))

    def _made_for(self, forward: ForwardPass) -> Made | None:
        """What was made for the batch of a forward pass; None where it is none that this member changed."""
        made, shown = self._made.get(self.stream.micro), len(forward.batch)
        if made is None or shown == made.given:
            return None
        if shown != (expected := made.given + len(made.shown)):
            raise ValueError(
                "smart_augmentation must come after the members that change the number of rows, but "
                f"{expected} became {shown}"
            )
        return made


@dataclass(frozen=True)
class Made:
    """The images of one micro-batch.

    Attributes:
        images: (R, C, H, W), with the augmenter's graph behind them.
        shown: the same as a leaf, which gathers the gradient for them.
        sources: (R, k + 1, C, H, W) train images: those merged, and another.
        given: rows of the batch before the images were put below it.
    """

    images: Tensor
    shown: Tensor
    sources: Tensor
    given: int

    @property
    def other(self) -> Tensor:
        """(R, C, H, W): a train image of the same class that was not merged."""
        return self.sources[:, -1]


class Classes:
    """The train rows by class, to draw from."""

    def __init__(self, train: Split) -> None:
        labels, device = train.labels.cpu(), train.labels.device
        sizes = labels.bincount(minlength=train.num_classes)
        self._order = labels.argsort(stable=True).to(device)
        self._sizes, self._starts = sizes.to(device), (sizes.cumsum(0) - sizes).to(device)

    def rows(self, classes: Tensor, draws: Tensor) -> Tensor:
        """(R, N): N different train rows of each class, every order of them equally likely.

        Args:
            classes: (R,), each with N rows at least.
            draws: (R, N), uniform in [0, 1).
        """
        sizes, picked = self._sizes[classes], list[Tensor]()
        for done, draw in enumerate(draws.unbind(1)):
            place = (draw * (sizes - done)).long()  # among those not yet picked
            for earlier in torch.stack(picked, 1).sort(1).values.unbind(1) if picked else ():
                place = place + (place >= earlier)
            picked.append(place)
        return self._order[self._starts[classes][:, None] + torch.stack(picked, 1)]


def classes_of(targets: Tensor) -> Tensor:
    """(B,): the class of each row of targets, which must be a label, smoothed evenly at most.

    Raises:
        ValueError: a row has two largest entries, or its other entries differ, as after mixing.
    """
    (first, second), classes = targets.topk(2).values.unbind(1), targets.argmax(1)
    even = (1 - first) / (targets.shape[1] - 1)
    mixed = (second - even > TOLERANCE) | (first - second < TOLERANCE)
    if mixed.any():
        shares = ", ".join(f"{share:.4g}" for share in targets[mixed][0].topk(2).values.tolist())
        raise ValueError(f"smart_augmentation must come before the members that mix targets, got {shares}")
    return classes


def gram(images: Tensor) -> Tensor:
    """(B, C, C): mean products of channels over the places of (B, C, H, W)."""
    flat = images.flatten(2)
    return flat @ flat.mT / flat.shape[2]
