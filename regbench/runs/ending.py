"""The end of a run, on every way out: what it keeps, what is measured of that, and its summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from torch import nn

from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.evaluation.at_end import measured_late
from regbench.records.files import undamaged, write_summary
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.records.typed import plain
from regbench.regularizers.base import hooks
from regbench.runs.checkpoints import keep_final, undo_epoch
from regbench.runs.class_pictures import class_table, confusion_picture
from regbench.runs.environment import peak_memory_mb
from regbench.runs.judging import Judging
from regbench.runs.ongoing import Ongoing
from regbench.runs.progress import show_summary
from regbench.runs.sealed import read_test, with_best_weights
from regbench.runs.sinks import Sinks
from regbench.runs.summary import summarize
from regbench.storage import checkpoint


def end(ongoing: Ongoing, status: Status, reason: str, sinks: Sinks, ask: bool = True) -> None:
    """Keep what the members keep, measure it, and write the summary.

    Args:
        ongoing: of the run.
        status: of the run.
        reason: one sentence, or nothing.
        sinks: are shown the classes and told the end, and closed.
        ask: the members for what they keep; not again where one has failed over that.
    """
    run, home, seconds = ongoing.run, ongoing.home, ongoing.seconds
    ongoing.place.require()
    pruned = status is Status.PRUNED  # at the end of an epoch, and nothing more is asked of it
    ask = ask and not pruned
    kept = checkpoint.exists(home.path)
    if kept and not (status.finished or pruned):
        kept = _undone(ongoing, status)
    summary = summarize(run, home.config, home.choices, ongoing.history, ongoing.found, status)
    judging = Judging(ongoing, summary.last, summary.best)
    evaluated = run.reg.eval_model(run.model) if ask else run.model
    if status.finished:
        judging.judge_last(evaluated)  # before a member puts other weights into it
    final = run.reg.final_model(evaluated) if ask else run.model
    sound = ask and all(tensor.isfinite().all() for tensor in final.state_dict().values())
    asked = any("final_model" in hooks(type(leaf)) for _, leaf in run.reg.leaves())
    keeps = sound and asked
    if asked and status.finished and not sound:
        final = _of_last_epoch(ongoing)  # its checkpoint goes on having these
    unchanged = not keep_final(ongoing, final) if keeps and kept else not keeps
    best = with_best_weights(run, home.path, ongoing.identity) if status.finished else None
    if best is not None:
        judging.judge_best(best)
    if keeps:
        judging.judge_kept(final, unchanged, best)
    before = undamaged(home.path)
    summary = replace(
        summary,
        last=judging.last,
        best=judging.best,
        kept=judging.kept,
        reason=reason,
        test=before.test if before else None,
    )
    ended = {} if best is None else judging.ended(final, best)
    if ended and read_settings(home.config)[0].evaluate_test:
        models = {name: one.model for name, one in ended.items()}
        test = read_test(models, run.data, run.autocast, run.evaluate, summary.reads)
        summary = replace(summary, test=test)
    summary = replace(
        summary,
        **measured_late(ended, run.evaluate if ended else ()),
        identity=ongoing.identity,
        content=ongoing.content,
        seconds=seconds,
        peak_memory_mb=peak_memory_mb(run.device),
        ended=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    ongoing.place.require()
    write_summary(home.path, summary, ongoing.place.require)
    _show_classes(sinks, summary)
    sinks.end(plain(summary))
    commands = sinks.commands()
    sinks.close()
    if status.finished or pruned:  # before, any of them may be needed
        checkpoint.leave(home.path, ongoing.checkpoints)
    show_summary(home.console, summary, str(home.path), commands)


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


def _of_last_epoch(ongoing: Ongoing) -> nn.Module:
    """The evaluated model of the last epoch, whatever has been put into it since.

    Raises:
        ConfigError: its checkpoint has been damaged since.
    """
    undo_epoch(ongoing)
    return ongoing.run.reg.eval_model(ongoing.run.model)


def _show_classes(sinks: Sinks, summary: Summary) -> None:
    """Put up what was found of each class."""
    of = summary.per_class
    for name, found in (("last", of.last), ("best", of.best)) if of else ():
        taken, classes = summary.snapshots.get(name) or summary.last, summary.classes
        epoch = (taken and taken.epoch) or 0
        sinks.show({f"val/confusion/{name}": confusion_picture(found.confusion, classes)}, epoch)
        sinks.tell({f"val/classes/{name}": class_table(found, classes)}, epoch)
