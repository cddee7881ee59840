"""The end of a run, on every way out: what it keeps, what is measured of that, and its summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from torch import nn

from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.evaluation.at_end import measured_late
from regbench.evaluation.measurement import gaps, measure
from regbench.records.files import undamaged, write_summary
from regbench.records.status import Status
from regbench.records.summary import Snapshot, Summary
from regbench.regularizers.base import hooks
from regbench.runs.checkpoints import keep_final, undo_epoch
from regbench.runs.class_pictures import class_table, confusion_picture
from regbench.runs.environment import peak_memory_mb
from regbench.runs.ongoing import Ongoing
from regbench.runs.progress import show_summary
from regbench.runs.sealed import both, read_test
from regbench.runs.sinks import Sink
from regbench.runs.summary import summarize
from regbench.storage import checkpoint


def end(ongoing: Ongoing, status: Status, reason: str, sink: Sink, ask: bool = True) -> None:
    """Keep what the members keep, measure it, and write the summary.

    Args:
        ongoing: of the run.
        status: of the run.
        reason: one sentence, or nothing.
        sink: is shown the classes, though it has been closed.
        ask: the members for what they keep; not again where one has failed over that.
    """
    run, home, seconds = ongoing.run, ongoing.home, ongoing.seconds
    ongoing.place.require()
    kept = checkpoint.exists(home.path)
    if kept and not status.finished:
        kept = _undone(ongoing, status)
    summary = summarize(run, home.config, home.choices, ongoing.history, ongoing.found, status)
    final = run.reg.final_model(run.reg.eval_model(run.model)) if ask else run.model
    sound = ask and all(tensor.isfinite().all() for tensor in final.state_dict().values())
    if sound and kept:
        keep_final(ongoing, final)
    if sound and any("final_model" in hooks(type(leaf)) for _, leaf in run.reg.leaves()):
        summary = replace(summary, kept=_measured(ongoing, final))
    before = undamaged(home.path)
    summary = replace(summary, reason=reason, test=before.test if before else None)
    models = both(run, final, home.path, ongoing.identity) if status.finished else {}
    if models and read_settings(home.config)[0].evaluate_test:
        test = read_test(models, run.data, run.autocast, run.evaluate, summary.reads)
        summary = replace(summary, test=test)
    summary = replace(
        summary,
        **measured_late(models, run.data.val, run.autocast, run.evaluate if models else ()),
        identity=ongoing.identity,
        content=ongoing.content,
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(run.device),
        ended=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    ongoing.place.require()
    write_summary(home.path, summary)
    _show_classes(sink, summary)
    if status.finished:  # before, any of them may be needed
        checkpoint.leave(home.path, ongoing.checkpoints)
    show_summary(home.console, summary, str(home.path))


def _undone(ongoing: Ongoing, status: Status) -> bool:
    """Go back to the end of the last epoch; whether there is a checkpoint of it.

    Raises:
        ConfigError: the file is damaged. After a failure, once that has been said, it goes without.
    """
    try:
        undo_epoch(ongoing)
    except ConfigError:
        if status is not Status.FAILED:
            raise
        return False
    return True


def _measured(ongoing: Ongoing, final: nn.Module) -> Snapshot:
    """The metrics of the weights that a member kept, with the epoch that they are of."""
    run = ongoing.run
    metrics = measure(final, run.data, run.autocast, run.evaluate)
    metrics |= gaps(metrics)
    of = (r.epoch for r in ongoing.history if metrics.items() <= r.metrics.items())
    return Snapshot(next(of, None), metrics)


def _show_classes(sink: Sink, summary: Summary) -> None:
    """Put up what was found of each class."""
    of = summary.per_class
    for name, found in (("last", of.last), ("best", of.best)) if of else ():
        taken, classes = summary.snapshots.get(name) or summary.last, summary.classes
        epoch = (taken and taken.epoch) or 0
        sink.show({f"val/confusion/{name}": confusion_picture(found.confusion, classes)}, epoch)
        sink.tell({f"val/classes/{name}": class_table(found, classes)}, epoch)
    sink.close()
