"""What is said of a search in sentences and commands: the outcome first."""

from __future__ import annotations

import shlex

from regbench.analysis.search_findings import terms_of
from regbench.analysis.searching import Confirmation, Outcome, SearchReport, Setting
from regbench.analysis.words import number, probability
from regbench.errors import counted

HEADLINES = {
    Outcome.OPEN: "The search is not over",
    Outcome.SURVIVES: "The winner survives",
    Outcome.NOTHING: "Nothing was found that survives",
}
CURSE = (
    "The best of many trials owes a part of its score to luck, and is mostly chosen by more than it has over "
    "the baseline. Only the fresh seeds, on rows that chose nothing, say what it has."
)


def headline(report: SearchReport) -> str:
    """How the search ended, in a few plain words."""
    return HEADLINES[report.outcome]


def outcome(report: SearchReport) -> list[str]:
    """The headline and the sentences of the outcome, the headline once."""
    words, said = headline(report), report.said.strip()
    if said.lower().startswith(words.lower()):
        return [said]
    return [f"{words}.", *([said] if said else [])]


def setup(report: SearchReport) -> list[str]:
    """What was searched, how, and what it took."""
    seeds = ", ".join(map(str, report.seeds))
    better = "less" if report.smaller else "more"
    arms, metric = counted(len(report.arms), "arm"), terms_of(report).title(report.objective)
    lines = [
        f"study {report.name}: {report.dataset} {report.model}, {arms}, by {metric} "
        f"({better} is better) over {_epochs(report)}, "
        f"{'seed' if len(report.seeds) == 1 else 'seeds'} {seeds}",
        f"sampler {report.sampler}, pruner {report.pruner}; spent: {report.spent}",
    ]
    if report.fixed:
        lines.append(f"given, not searched: {'; '.join(report.fixed)}")
    return lines


def _epochs(report: SearchReport) -> str:
    """Of a run that is not pruned."""
    least, most = report.least_epochs, counted(report.epochs, "epoch")
    return most if least == report.epochs else f"{least} to {most}"


def tried(trials: int, budget: int | None) -> str:
    """How many trials an arm has had, of how many; of fewer where there were more before a line said so."""
    return str(trials) if budget is None or trials > budget else f"{trials} of {budget}"


def confirmed(report: SearchReport) -> list[str]:
    """What the fresh seeds say; nothing before there are finalists."""
    found = report.confirmation
    if found is None:
        return []
    if found.mean is None:
        if found.over:
            return [f"no fresh seed has a run of both to compare: {found.over}"]
        return ["no fresh seed of winner and baseline has ended yet"]
    words = f" is {found.word}" if found.word else ""
    if found.word.startswith("no "):
        words = f" makes {found.word}"
    lines = [
        f"on {counted(len(found.seeds), 'fresh seed')} the winner{words}: {_measured(found, report)}",
    ]
    if found.over:
        lines.append(f"no more seeds: {found.over}")
    return lines


def _measured(found: Confirmation, report: SearchReport) -> str:
    terms = terms_of(report)
    lead = f"{number(found.metric, found.mean, True)} {terms.unit_of(found.metric, True)}".rstrip()
    p = f"p {probability(found.p)}" if found.p is not None else "no p yet"
    return f"{terms.title(found.metric)} {lead} {ends(found.metric, found.low, found.high)}, {p}"


def ends(metric: str, low: float | None, high: float | None) -> str:
    """An interval in brackets; that of few seeds is the whole line."""
    if low is None or high is None:
        return "(interval: the whole line)"
    return f"[{number(metric, low, True)}, {number(metric, high, True)}]"


def commands(report: SearchReport) -> list[tuple[str, str]]:
    """What can be typed next, each with what it does."""
    found = report.confirmation
    made = []
    if report.outcome == Outcome.OPEN:
        made.append(("to go on", report.line))
    if found is not None:
        sides = [("to train the winner", found.winner), ("to train the tuned baseline", found.baseline)]
        if report.outcome == Outcome.NOTHING:
            sides = [sides[1], ("to train the winner all the same", found.winner)]
        made += [(what, training(side)) for what, side in sides]
    if found is not None and (report.is_read or (report.outcome != Outcome.OPEN and found.seeds)):
        what = "to read the test split, once, at the very end"
        if report.is_read:
            what = "the test split has been read, and is not read again; to see what was read"
        made.append((what, shlex.join(["regbench", "final", report.folder])))
    return made


def training(side: Setting) -> str:
    """The command that trains one side of the comparison."""
    return shlex.join(["regbench", "train", *side.words])
