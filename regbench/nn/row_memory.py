"""What a member keeps of each train row from one epoch to the next."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from regbench.types import Ranks


class RowMemory:
    """A moving average of K numbers for each of N train rows: m <- decay * m + (1 - decay) * new, 0 at first.

    The averages of a step's rows move all at once at its end. So every pass over a batch finds the same, and
    with several ranks (`regbench.types.Ranks`) each then has what all have seen. Of a row that several
    micro-batches of a step show the first of them counts, whichever rank has worked at it.
    """

    def __init__(self) -> None:
        self._kept: Tensor | None = None  # (N + 1, K): the last is 0, for what is no row of train
        self._moved: dict[int, tuple[Tensor, Tensor]] = {}  # places and averages, by micro-batch

    def of(self, rows: Tensor, like: Tensor) -> Tensor:
        """The averages of rows (B,) as they were before the step, (B, K); 0 for -1.

        Args:
            rows: numbers of train rows, or -1.
            like: (B, K), of which they have shape and device.
        """
        if self._kept is None:
            return torch.zeros_like(like)
        self._kept = self._kept.to(like.device)
        return self._kept.index_select(0, rows % len(self._kept))

    @torch.no_grad()
    def moved(self, micro: int, rows: Tensor, new: Tensor, decay: float, count: int) -> Tensor:
        """The averages of a micro-batch's rows as they are after the step, (B, K); 0 for -1.

        They are found in the first pass over it, and those of later passes. Of a row that the batch shows
        several times the first counts.

        Args:
            micro: the number of the micro-batch in its step.
            rows: (B,), numbers of train rows, or -1.
            new: (B, K).
            decay: in [0, 1).
            count: N.
        """
        if micro in self._moved:
            return self._moved[micro][1]
        if self._kept is None:
            self._kept = new.new_zeros(count + 1, new.shape[1])
        averages = decay * self.of(rows, new) + (1 - decay) * new[first_of_each(rows)]
        averages = averages.masked_fill(rows[:, None] < 0, 0)
        self._moved[micro] = rows % len(self._kept), averages
        return averages

    @torch.no_grad()
    def end_step(self, model: nn.Module, ranks: Ranks | None, count: int) -> None:
        """Let the averages be those after the step.

        Args:
            model: that the step has updated.
            ranks: the others who have seen rows in it; they call this too.
            count: N.
        """
        shown, averages = self._shown()
        if ranks is not None:
            shown, averages = of_all(ranks, shown, averages, next(model.parameters()))
        if shown is None or averages is None or not len(shown):
            return
        if self._kept is None:
            self._kept = averages.new_zeros(count + 1, averages.shape[1])
        self._kept = self._kept.to(averages)  # a rank may have loaded it, and shown nothing yet
        order = shown[:, 0].argsort(stable=True)
        places, averages = shown[order, 1], averages[order]
        self._kept[places] = averages[first_of_each(places)]  # equal ones at a place: none is the last

    def _shown(self) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Micro-batch and place (B, 2) of what was shown since the last step, and its averages (B, K)."""
        moved, self._moved = self._moved, {}
        if not moved:
            return None, None
        shown = [torch.stack([torch.full_like(rows, micro), rows], 1) for micro, (rows, _) in moved.items()]
        return torch.cat(shown), torch.cat([averages for _, averages in moved.values()])

    def state_dict(self) -> dict[str, Any]:
        """The averages (N, K), where there are any yet."""
        return {} if self._kept is None else {"averages": self._kept[:-1].clone()}

    def load_state_dict(self, state: dict[str, Any], count: int) -> None:
        """Take up what `state_dict` returned.

        Args:
            state: of this kind.
            count: N.

        Raises:
            ValueError: it is of another number of train rows.
        """
        averages = state.get("averages")
        if averages is not None and len(averages) != count:
            raise ValueError(f"state must be of {count} train rows, got one of {len(averages)}")
        self._kept = (
            None if averages is None else torch.cat([averages, averages.new_zeros(1, averages.shape[1])])
        )

    @property
    def size(self) -> str:
        """How large it is, for a person; empty where there is nothing yet."""
        if self._kept is None:
            return ""
        rows, classes = len(self._kept) - 1, self._kept.shape[1]
        megabytes = rows * classes * self._kept.element_size() / 1e6
        return f"{rows} x {classes} numbers, {megabytes:.3g} MB"


def first_of_each(numbers: Tensor) -> Tensor:
    """At which place the number that stands at each place does so first, (B,) int64.

    The same every time on every device, and none waits for it; it takes memory of the order of B.

    Args:
        numbers: (B,).
    """
    rising, places = numbers.sort(stable=True)
    return places[torch.searchsorted(rising, numbers)]


def of_all(
    ranks: Ranks, shown: Tensor | None, averages: Tensor | None, like: Tensor
) -> tuple[Tensor, Tensor]:
    """What each of the ranks has, one after the other.

    Args:
        ranks: who all call this.
        shown: (B, 2) int64; None where this rank has none.
        averages: (B, K); likewise.
        like: at every rank of the same type, which the averages come back in, and on its device.
    """
    device = like.device
    sizes = torch.zeros(ranks.count, 2, dtype=torch.int64, device=device)
    if averages is not None:
        sizes[ranks.number] = torch.tensor(averages.shape)
    ranks.add_up([sizes])
    counts = sizes[:, 0].tolist()
    start, total = sum(counts[: ranks.number]), sum(counts)
    all_shown = torch.zeros(total, 2, dtype=torch.int64, device=device)
    all_averages = torch.zeros(total, int(sizes[:, 1].max()), dtype=like.dtype, device=device)
    if shown is not None and averages is not None:
        own = slice(start, start + len(shown))
        all_shown[own], all_averages[own] = shown, averages
    ranks.add_up([all_shown, all_averages])
    return all_shown, all_averages
