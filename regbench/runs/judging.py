"""What the weights that a run ends with are judged by: all rows, none of them forwarded twice."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from regbench.evaluation.at_end import Ended
from regbench.evaluation.measurement import gaps
from regbench.evaluation.view import View, view, whole_view
from regbench.nn.snapshots import WithWeights
from regbench.records.metrics import MEASURED, split_of
from regbench.records.summary import Snapshot
from regbench.runs.ongoing import Ongoing
from regbench.weights import same_weights


class Judging:
    """The last weights, the best and what a member keeps, each measured once.

    Args:
        ongoing: of a run that has ended.
        last: what the record of its last evaluated epoch says; None where there is none.
        best: the same of its best.
    """

    def __init__(self, ongoing: Ongoing, last: Snapshot | None, best: Snapshot | None) -> None:
        self.ongoing, self.run = ongoing, ongoing.run
        self.last, self.best = last, best
        self.kept: Snapshot | None = None
        self._logits: dict[str, Tensor] = {name: one.logits["val"] for name, one in ongoing.views.items()}

    def judge_last(self, evaluated: nn.Module) -> None:
        """Measure all rows of the last epoch's weights, where after it only few were."""
        self.last = self._judged("last", evaluated, self.last)

    def judge_best(self, best: nn.Module) -> None:
        """The same of the best epoch's."""
        if self.best and self.last and self.best.epoch == self.last.epoch:
            self.best = self.last
            self._logits |= {"best": self._logits["last"]} if "last" in self._logits else {}
        else:
            self.best = self._judged("best", best, self.best)

    def judge_kept(self, final: nn.Module, unchanged: bool, best: nn.Module | None) -> None:
        """Measure what a member keeps, where it is neither of the two.

        Args:
            final: with these weights.
            unchanged: whether they are those of the last epoch.
            best: with those of the best; None where the run has not come to its end, and few rows will do.
        """
        alike = "last" if unchanged else "best" if best and self._same(final, best) else ""
        known: Snapshot | None = getattr(self, alike) if alike and best else None
        if known is None:
            self._judge_unknown(final, whole=best is not None)
            return
        metrics = {name: value for name, value in known.metrics.items() if split_of(name) in MEASURED}
        epoch = self._epoch_of(metrics) if not self.run.few else known.epoch
        self.kept = Snapshot(epoch, metrics)
        self._logits |= {"kept": self._logits[alike]} if alike in self._logits else {}

    def ended(self, final: nn.Module, best: nn.Module) -> dict[str, Ended]:
        """Both states, for what is measured late and of test; one object where they are the same."""
        val, autocast = self.run.data.val, self.run.autocast
        last = Ended(final, val, autocast, self._logits.get("last" if self.kept is None else "kept"))
        if self._same(final, best):
            return {"last": last, "best": last}
        return {"last": last, "best": Ended(best, val, autocast, self._logits.get("best"))}

    def _judged(self, name: str, model: nn.Module, found: Snapshot | None) -> Snapshot | None:
        if found is None or not self.run.few:
            return found
        seen = self._whole(model, self.ongoing.views.get(name))
        self._logits[name] = seen.logits["val"]
        return replace(found, metrics=found.metrics | seen.metrics | gaps(seen.metrics))

    def _judge_unknown(self, final: nn.Module, whole: bool) -> None:
        run = self.run
        seen = view(final, run.watched(), run.autocast, run.evaluate)
        epoch = self._epoch_of(seen.metrics)
        if whole and run.few:
            seen = self._whole(final, seen)
        self.kept = Snapshot(epoch, seen.metrics | gaps(seen.metrics))
        self._logits["kept"] = seen.logits["val"]

    def _whole(self, model: nn.Module, seen: View | None) -> View:
        run = self.run
        return whole_view(model, run.watched(), run.autocast, run.evaluate, seen)

    def _epoch_of(self, metrics: dict[str, float]) -> int | None:
        """The first epoch with these figures."""
        of = (one.epoch for one in self.ongoing.history if metrics.items() <= one.metrics.items())
        return next(of, None)

    def _same(self, final: nn.Module, best: nn.Module) -> bool:
        """Whether both compute the same: of a model that a member has wrapped the state does not tell."""
        plain = final is self.run.model or isinstance(final, WithWeights)
        return plain and same_weights(final, best)
