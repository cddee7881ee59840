"""The search of an advice over what the race has left, and its verdict on fresh seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from regbench.analysis.advising import Plan, RaceFound, SearchFound, Side, Stage
from regbench.analysis.report import Arm as ReportedArm
from regbench.analysis.searching import Arm, Confirmation, Outcome, SearchReport, Setting
from regbench.analysis.words import factor
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each
from regbench.composition.composer import Composer
from regbench.studies.advising.fitting import CONFIRMED, LEAST_RUNS, search_settings
from regbench.studies.advising.racing import Say
from regbench.studies.searching.study import SearchStudy
from regbench.sweeps.launcher import Launch
from regbench.terminal.screen import Screen

NAME = "search"


def time_of(plan: Plan, raced: RaceFound) -> float:
    """Seconds that the search may take: all that is left but the ablation's, and half of its own at least."""
    left = plan.budget - plan.planning - raced.stage.seconds - plan.ablation
    return max(left, plan.search / 2)


def search(
    plan: Plan,
    raced: RaceFound,
    line: CommandLine,
    composer: Composer,
    launch: Launch,
    root: Path,
    console: Screen,
    say: Say,
    typed: Sequence[str],
) -> SearchFound:
    """Run it, or what is left of it.

    Args:
        plan: of all.
        raced: what the race has found.
        line: the words of every run, without a folder.
        composer: of its options.
        launch: runs the jobs.
        root: the search's folder.
        console: where the live table stands.
        say: takes sentences.
        typed: the whole line that goes on with the advice.

    Raises:
        KeyboardInterrupt: by a signal; the same line goes on.
    """
    if not raced.candidates:
        said = "No technique has finished a run beside one of none, so there is nothing to search."
        return _nothing_yet(said)
    study = study_of(plan, raced, line, composer, root, typed)
    study.run(launch, console, say)
    return found_of(study.report(), study, plan, line, composer)


def study_of(
    plan: Plan,
    raced: RaceFound,
    line: CommandLine,
    composer: Composer,
    root: Path,
    typed: Sequence[str],
) -> SearchStudy:
    """The search of these candidates, which says that it goes on by the line of the advice."""
    seconds = time_of(plan, raced)
    runs = int(plan.runs * seconds / plan.search)
    settings = search_settings(runs, seconds, NAME)
    stack = f"+reg=[{','.join(raced.candidates)}]"
    words = (*line.overrides, stack)
    margin = None if plan.margin is None else plan.margin * factor(plan.metric)
    return SearchStudy(
        replace(line, overrides=words), composer, settings, plan.metric, plan.at, margin, typed, root
    )


def _nothing_yet(said: str) -> SearchFound:
    nothing = Stage(0.0, "nothing", "")
    return SearchFound(Outcome.OPEN, said, None, None, [], [], None, None, None, None, "", None, {}, nothing)


def found_of(
    report: SearchReport, study: SearchStudy, plan: Plan, line: CommandLine, composer: Composer
) -> SearchFound:
    """What of a search's report an advice tells."""
    made = report.confirmation
    sides: list[Side | None] = [None, None]
    base = report.arms[0]
    arm = next((one for one in report.arms[1:] if made is None or one.name == made.winner.arm), None)
    for number, of in enumerate((base, arm)):
        if of is not None and of.chosen is not None:
            sides[number] = _side(of, made, number == 1, line, composer)
    fresh = list(study.fresh)
    said = report.said if report.outcome is not Outcome.OPEN else open_said(report.said, made)
    return SearchFound(
        report.outcome,
        said,
        sides[0],
        sides[1],
        fresh,
        list(made.seeds) if made else [],
        made.mean if made else None,
        made.low if made else None,
        made.high if made else None,
        made.p if made else None,
        made.word if made else "",
        _time(made),
        {one.name: len(one.trials) for one in report.arms},
        Stage(study.seconds, report.spent, made.over if made else ""),
    )


def open_said(said: str, made: Confirmation | None) -> str:
    """What is to be said where there is no verdict: why it ended, and whether one could have been."""
    if made is None:
        return (
            f"{said[:1].upper()}{said[1:]}; the time was too short for it (a verdict takes about "
            f"{LEAST_RUNS} runs)."
        )
    said = said.rstrip(".")
    why = [] if not made.over or made.over in said else [made.over]
    if len(made.seeds) < CONFIRMED:
        why.append(f"with fewer than {CONFIRMED} fresh seeds nothing can be decided")
    return f"{'; '.join([said, *why])}."


def _side(
    arm: Arm,
    made: Confirmation | None,
    is_winner: bool,
    line: CommandLine,
    composer: Composer,
) -> Side:
    chosen = arm.chosen
    assert chosen is not None
    words = list(chosen.words)
    (job,) = compose_each(line, [[*line.overrides, *words]], composer)
    members = list(job.config["reg"])
    stack = "+".join(members) or "none"
    mean, sd = _figure(made, is_winner)
    values = {name: _values(name, chosen.values, words, job.config["reg"][name]) for name in members}
    return Side(stack, words, members, values, mean, sd)


def _values(
    member: str, tuned: Mapping[str, Any], words: list[str], node: Mapping[str, Any]
) -> dict[str, Any]:
    """What the search or the line has set of a member, as it was composed."""
    start = f"reg.{member}."
    keys = [key.removeprefix(start) for key in tuned if key.startswith(start)]
    keys += [
        key.removeprefix(start)
        for word in words
        if (key := word.lstrip("+").partition("=")[0]).startswith(start)
    ]
    return {key: node[key] for key in dict.fromkeys(keys) if key in node}


def _figure(made: Confirmation | None, is_winner: bool) -> tuple[float | None, float | None]:
    """Mean and standard deviation of one side over the fresh seeds."""
    if made is None or (arm := _arm_of(made, made.winner if is_winner else made.baseline)) is None:
        return None, None
    found = arm.figures.get(made.metric)
    return (found.mean, found.sd) if found else (None, None)


def _arm_of(made: Confirmation, side: Setting) -> ReportedArm | None:
    """What the comparison has of one side, found by its runs: names in it are its own."""
    folders = set(map(os.path.realpath, side.folders.values()))
    arms = made.comparison.arms if made.comparison else []
    return next((arm for arm in arms if any(os.path.realpath(r.folder) in folders for r in arm.runs)), None)


def _time(made: Confirmation | None) -> float | None:
    arm = _arm_of(made, made.winner) if made else None
    return arm.cost.get("seconds") if arm else None
