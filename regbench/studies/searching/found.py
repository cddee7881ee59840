"""What a search has found so far, for its report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from regbench import __version__
from regbench.analysis.searching import (
    EPOCHS,
    Arm,
    Confirmation,
    Finalist,
    Outcome,
    SearchReport,
    Trial,
)
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.analysis.words import number
from regbench.errors import counted, listed
from regbench.records.metrics import Terms
from regbench.studies.searching.optuna_trials import shown
from regbench.studies.searching.search import Search

BETTER = "better"


def report_of(
    search: Search,
    name: str,
    typed: list[str],
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    terms: Terms,
    spent: str,
) -> SearchReport:
    """The report.

    Args:
        search: whose rounds have been gone through, as far as they came.
        name: of the study.
        typed: the words after `regbench search`.
        config: of its runs, but for what it sets.
        choices: which options were chosen.
        terms: of what is predicted.
        spent: in words.
    """
    arms = search.arms()
    confirmation = search.confirming.found() if search.confirming else None
    outcome, said = outcome_of(search, arms, confirmation, terms)
    settings = search.settings
    return SearchReport(
        regbench=__version__,
        name=name,
        folder=str(search.folder.root),
        line=shown(shlex.join(["regbench", "search", *typed])),
        dataset=choices.get("dataset", ""),
        model=choices.get("model", ""),
        objective=search.judge.objective,
        smaller=search.judge.smaller,
        seeds=list(search.space.seeds),
        epochs=_most_epochs(arms, config["train"]["epochs"]),
        sampler=settings.sampler,
        pruner=settings.pruner,
        fixed=list(search.space.fixed),
        arms=arms,
        confirmation=confirmation,
        outcome=outcome,
        said=said,
        spent=spent,
        storage=shown(settings.storage) if settings.storage else str(search.folder.journal),
        is_read=search.folder.final() is not None,
    )


def _most_epochs(arms: list[Arm], usual: int) -> int:
    """Of the longest run: the line's, unless it is over several."""
    asked = [one for arm in arms for one in arm.parameters if one.key == EPOCHS]
    return max((int(max(one.numbers)) for one in asked), default=usual)


def outcome_of(
    search: Search, arms: list[Arm], confirmation: Confirmation | None, terms: Terms
) -> tuple[Outcome, str]:
    """How the search ended, and that in a sentence or two."""
    won = search.winner()
    if confirmation is None or won is None:
        return _unconfirmed(search, arms, won, terms)
    metric, seeds = confirmation.metric, counted(len(confirmation.seeds), "fresh seed")
    stack = confirmation.winner.stack
    if search.confirming and search.confirming.winner_is_out:
        return (
            Outcome.NOTHING,
            f"Nothing was found that survives: of the fresh seeds {search.confirming.out}. The tuned "
            "baseline is what to use.",
        )
    if search.confirming and search.confirming.baseline_diverged and confirmation.word != BETTER:
        return (
            Outcome.NOTHING,
            f"Nothing was found that survives: of the fresh seeds {search.confirming.out}, and nothing can "
            "be compared without it.",
        )
    named = search.folder.finalists() or {}
    short = confirmation.word in ("", NOT_RESOLVED) and len(confirmation.seeds) < len(named.get("fresh", ()))
    if short and (read := _as_read(search, confirmation, terms)):
        return read
    if confirmation.mean is None:
        return Outcome.OPEN, f"{stack} is the winner; it is not confirmed yet, as no fresh seed has ended"
    difference = _difference(metric, confirmation.mean, confirmation.low, confirmation.high, terms)
    if confirmation.word == BETTER:
        return (
            Outcome.SURVIVES,
            f"{stack} survives: on {seeds} it is better than the tuned baseline, {difference}.",
        )
    if short and not search.folder.is_read():  # after that no seeds are added, so it has come to its end
        why = confirmation.over or "fresh seeds are left to run"
        return (
            Outcome.OPEN,
            f"{stack} is not confirmed: after {seeds} against the tuned baseline {difference}, "
            f"{confirmation.word}; {why}.",
        )
    return (
        Outcome.NOTHING,
        f"Nothing was found that survives: on {seeds} {stack} against the tuned baseline is "
        f"{confirmation.word}, {difference}. The tuned baseline is what to use.",
    )


def _as_read(search: Search, found: Confirmation, terms: Terms) -> tuple[Outcome, str] | None:
    """What the confirmation had come to when test was read, where fewer of its runs are left by now.

    None where test has not been read, or as many are left.
    """
    val = (search.folder.final() or {}).get("val") or {}
    seeds = len(val.get("differences", ()))
    if seeds <= len(found.seeds):
        return None
    difference = _difference(found.metric, val["mean"], val["low"], val["high"], terms)
    said = f"on {counted(seeds, 'fresh seed')}, of which the runs of {len(found.seeds)} are left,"
    stack = found.winner.stack
    if val["word"] == BETTER:
        return (
            Outcome.SURVIVES,
            f"{stack} survives: {said} it was better than the tuned baseline, {difference}.",
        )
    return (
        Outcome.NOTHING,
        f"Nothing was found that survives: {said} {stack} against the tuned baseline was {val['word']}, "
        f"{difference}. The tuned baseline is what to use.",
    )


def _difference(metric: str, mean: float, low: float | None, high: float | None, terms: Terms) -> str:
    said = f"{terms.title(metric)} {_signed(metric, mean, terms)}"
    if low is None or high is None:
        return said
    return f"{said} [{number(metric, low, True)}, {number(metric, high, True)}]"


def _unconfirmed(
    search: Search, arms: list[Arm], won: tuple[Arm, Trial, Trial] | None, terms: Terms
) -> tuple[Outcome, str]:
    if why := search.lost():
        assert won is not None
        arm, _, _ = won
        metric = search.judge.objective
        means = f"{number(metric, _mean(arm))} against {number(metric, _mean(arms[0]))} of the baseline"
        return (
            Outcome.NOTHING,
            f"Nothing was found that survives: {why} ({terms.title(metric)} of the best finalist: {means}). "
            "The tuned baseline is what to use.",
        )
    left = [arm.name for arm in arms if arm.finalists and not arm.chosen]
    if left:
        return Outcome.OPEN, f"no finalist of {left[0]} has finished all of its seeds"
    base, *others = arms
    if not any(one.score is not None for one in base.trials):
        return (
            Outcome.OPEN,
            f"no trial of {base.name} has come to its end, so there is nothing to choose from{_reason(base)}",
        )
    if search.is_spent:  # and yet no finalists: a candidate is in none that is complete
        names = listed([arm.name for arm in others])
        return (
            Outcome.NOTHING,
            f"Nothing was found that survives: no trial of {names} with a candidate has come to its "
            f"end{''.join(map(_reason, others[:1]))}. The tuned baseline is what to use.",
        )
    return Outcome.OPEN, "trials are left to run"


def _reason(arm: Arm) -> str:
    """Why the first of an arm's trials is not complete."""
    return next((f" ({one.reason})" for one in arm.trials if one.reason), "")


def _mean(arm: Arm) -> float:
    chosen: Finalist = next(one for one in arm.finalists if one.chosen)
    assert chosen.mean is not None
    return chosen.mean


def _signed(metric: str, value: float, terms: Terms) -> str:
    return " ".join(filter(None, [number(metric, value, True), terms.unit_of(metric, True)]))
