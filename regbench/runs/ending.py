"""The end of a run, on every way out: what it keeps, what is measured of that, and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from torch import nn

from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.evaluation.at_end import late_figures
from regbench.evaluation.measurement import gaps, measure
from regbench.records.files import SUMMARY, undamaged
from regbench.records.status import Status
from regbench.regularizers.base import hooks
from regbench.runs.checkpoints import keep_final, undo_epoch
from regbench.runs.class_pictures import class_table, confusion_picture
from regbench.runs.course import Course
from regbench.runs.environment import peak_memory_mb
from regbench.runs.progress import show_summary
from regbench.runs.sealed import both, read_test
from regbench.runs.sinks import Sink
from regbench.runs.summary import summarize
from regbench.storage import checkpoint
from regbench.storage.files import write_json


def end(course: Course, status: Status, reason: str, sink: Sink, ask: bool = True) -> None:
    """Keep what the members keep, measure it, and write the summary.

    Args:
        course: of the run.
        status: of the run.
        reason: one sentence, or nothing.
        sink: is shown the classes, though it has been closed.
        ask: the members for what they keep; not again where one has failed over that.
    """
    run, home, seconds = course.run, course.home, course.seconds
    course.place.require()
    kept = checkpoint.exists(home.path)
    if kept and not status.finished:
        kept = _undone(course, status)
    summary = summarize(run, home.config, home.choices, course.history, course.found)
    final = run.reg.final_model(run.reg.eval_model(run.model)) if ask else run.model
    sound = ask and all(tensor.isfinite().all() for tensor in final.state_dict().values())
    if sound and kept:
        keep_final(course, final)
    if sound and any("final_model" in hooks(type(leaf)) for _, leaf in run.reg.leaves()):
        summary["kept"] = _measured(course, final)
    before = undamaged(home.path).get("test")
    summary |= {"status": status, "reason": reason, "test": before}
    models = both(run, final, home.path, course.identity) if status.finished else {}
    if models and read_settings(home.config)[0].evaluate_test:
        summary["test"] = read_test(models, run.data, run.autocast, run.evaluate, before)
    summary |= late_figures(models, run.data.val, run.autocast, run.evaluate if models else ())
    summary |= {"identity": course.identity, "content": course.content}
    summary |= {"seconds": seconds, "peak_memory_mb": peak_memory_mb(run.device)}
    summary["ended"] = datetime.now(UTC).isoformat(timespec="microseconds")
    course.place.require()
    write_json(home.path / SUMMARY, summary)
    _show_classes(sink, summary)
    if status.finished:  # before, any of them may be needed
        checkpoint.leave(home.path, course.checkpoints)
    show_summary(home.console, summary, str(home.path))


def _undone(course: Course, status: Status) -> bool:
    """Go back to the end of the last epoch; whether there is a checkpoint of it.

    Raises:
        ConfigError: the file is damaged. After a failure, once that has been said, it goes without.
    """
    try:
        undo_epoch(course)
    except ConfigError:
        if status is not Status.FAILED:
            raise
        return False
    return True


def _measured(course: Course, final: nn.Module) -> dict[str, Any]:
    """The figures of the weights that a member kept, with the epoch that they are of."""
    run = course.run
    metrics = measure(final, run.data, run.autocast, run.evaluate)
    metrics |= gaps(metrics)
    of = (r.epoch for r in course.history if metrics.items() <= r.metrics.items())
    return {"epoch": next(of, None), "metrics": metrics}


def _show_classes(sink: Sink, summary: Mapping[str, Any]) -> None:
    """Put up what was found of each class."""
    for name, found in (summary["per_class"] or {}).items():
        epoch, classes = (summary[name] or summary["last"])["epoch"], summary["classes"]
        sink.show({f"val/confusion/{name}": confusion_picture(found["confusion"], classes)}, epoch)
        sink.tell({f"val/classes/{name}": class_table(found, classes)}, epoch)
    sink.close()
