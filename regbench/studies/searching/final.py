"""The sealed test split, read once for a search's winner and its tuned baseline; nothing is chosen by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regbench import __version__
from regbench.analysis.cohorts import cohorts, regardless_of
from regbench.analysis.final import Compared, FinalReport, Reading
from regbench.analysis.notes import note_of
from regbench.analysis.question import Question, refuse_unmeasured
from regbench.analysis.racing import Standing, standings
from regbench.composition.recorded import read_run
from regbench.composition.trust import Trust
from regbench.errors import ConfigError, as_typed
from regbench.records.files import read_summary
from regbench.records.metrics import Terms
from regbench.records.reader import Result, find
from regbench.records.summary import Summary
from regbench.runs.sealed import read_counted, require_readable
from regbench.studies.readings import Readings
from regbench.studies.searching.confirmed import Confirmed, confirmed_of, side_of
from regbench.studies.searching.rounds import StudyFolder
from regbench.studies.searching.shapes import FINAL

FORMAT = 1  # of the file


def read_final(root: Path, trust: Trust) -> FinalReport:
    """What winner and tuned baseline reach on test; it is read by whoever asks first, once for each run.

    Args:
        root: folder of a search.
        trust: what of its runs may be called.

    Raises:
        ConfigError: there is no search, or it is not confirmed; a run is not there, has no weights, or its
            data have changed; or the dataset has no test split. Then none is read.
        KeyboardInterrupt: by a signal; asked again it reads those that have not been read.
    """
    folder = StudyFolder(root)
    if (known := folder.final()) is not None:
        return _read(folder, known)
    confirmed_of(folder)  # before anything is locked
    with folder.held():  # of several at once the first reads, and the others see what it read
        if (known := folder.final()) is not None:
            return _read(folder, known)
        found = confirmed_of(folder)
        runs = _begin(folder, found, trust)
        for path, before in runs.items():
            read_counted(path, trust, at_most=before)
        report = _report(folder, found)
        kept = {name: value for name, value in asdict(report).items() if name not in ("folder", "is_new")}
        folder.finish({"format": FORMAT, **kept})
    return report


def _begin(folder: StudyFolder, found: Confirmed, trust: Trust) -> dict[Path, int]:
    """The runs whose test split is to be read, with how often it had been when this began."""
    paths = [path for _, *both in found.pairs(folder.root) for path in both]
    summaries = {path: _finished(path, trust) for path in paths}
    for path in paths:
        require_readable(path, trust)
    folder.begin_reading({path.name: summary.reads for path, summary in summaries.items()})
    begun = folder.reading() or {}
    # those that a raised budget has added since the first call was interrupted
    return {path: int(begun.get(path.name, summary.reads)) for path, summary in summaries.items()}


def _finished(path: Path, trust: Trust) -> Summary:
    if not path.is_dir():
        raise ConfigError(f"final: {as_typed(path)} must be where its search has run it, and is not there")
    config = read_run(path, trust=trust)[0]
    summary = read_summary(path)
    if summary is None or not summary.status.finished:
        raise ConfigError(f"final: {as_typed(path)} must be a finished run, and is not one any more")
    if config.get("checkpoints") == "none":
        raise ConfigError(
            f"final: {as_typed(path)} must have its weights, and was run with checkpoints=none, which leaves "
            "none; leave that out and search again under another name, study=NAME"
        )
    return summary


def _report(folder: StudyFolder, found: Confirmed) -> FinalReport:
    """Both comparisons, of the runs as they lie there."""
    pairs = found.pairs(folder.root)
    results = {one.folder: one for one in find([path for _, *both in pairs for path in both]).results}
    test = f"test/{found.question.metric.partition('/')[2]}"
    readings = [
        _reading(seed, results[str(win)], results[str(base)], found, test) for seed, win, base in pairs
    ]
    first = {str(base) for _, _, base in pairs}
    alike = regardless_of(results.values(), found.tuned)
    return FinalReport(
        __version__,
        str(folder.root),
        found.question.at,
        found.winner,
        found.baseline,
        readings,
        _compared(alike, found.question, found.tuned, first),
        _compared(alike, replace(found.question, metric=test), found.tuned, first),
        results[str(pairs[0][1])].summary.terms,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _reading(seed: int, winner: Result, baseline: Result, found: Confirmed, test: str) -> Reading:
    notes = [note_of(one, found.question.at).figures for one in (winner, baseline)]
    refuse_unmeasured("final", test, set(notes[0]) & set(notes[1]))
    val = found.question.metric
    reads = (winner.summary.reads, baseline.summary.reads)
    return Reading(seed, notes[0][val], notes[1][val], notes[0][test], notes[1][test], reads)


def _compared(
    results: Sequence[Result], question: Question, tuned: Sequence[str], first: set[str]
) -> Compared:
    """By the test that may be looked at after every seed, as the confirmation was."""
    asked = Readings(question, tuned).question_of(results, first)
    (cohort,) = cohorts(results)[0]
    one: Standing
    (one,) = standings(cohort, asked).values()
    p, word = one.verdict.p_adjusted, one.verdict.word
    return Compared(question.metric, one.differences, one.mean, one.low, one.high, p, word)


def _read(folder: StudyFolder, known: Mapping[str, Any]) -> FinalReport:
    """What was read before."""
    try:
        if known["format"] != FORMAT:
            raise ValueError(known["format"])
        return FinalReport(
            known["regbench"],
            str(folder.root),
            known["at"],
            side_of(known["winner"]),
            side_of(known["baseline"]),
            [Reading(**{**one, "reads": tuple(one["reads"])}) for one in known["readings"]],
            Compared(**known["val"]),
            Compared(**known["test"]),
            Terms(**known["terms"]),
            known["read"],
            is_new=False,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"final: {folder.path / FINAL} is not what was read of a test split") from error
