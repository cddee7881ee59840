"""What the sealed test split says of a search, in a terminal."""

from __future__ import annotations

from regbench.analysis.final import Compared, FinalReport
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED
from regbench.analysis.words import number, probability
from regbench.errors import counted
from regbench.records.metrics import Terms, smaller_is_better
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_lines, print_table

BETTER = "better"
JUDGED = (
    "both by the test that may be looked at after every seed: how many there are was decided by looking at "
    "val, so no test for a number that was chosen beforehand holds, on either split"
)


def show(console: Screen, report: FinalReport) -> None:
    """Print what was read: what it comes to first."""
    print_lines(console, said(report), "bold")
    console.print()
    print_table(console, comparison_table(report))
    print_lines(console, [JUDGED], "dim")
    console.print()
    print_table(console, readings_table(report))
    print_lines(console, [counting(report)], "dim")


def said(report: FinalReport) -> list[str]:
    """In sentences: what test says, and that nothing was chosen by it."""
    seeds, stack = counted(len(report.readings), "fresh seed"), report.winner.stack
    return [
        f"on test, over {seeds}, {stack} against the tuned baseline: {_effect(report.test, report.terms)}; "
        f"on val: {_effect(report.val, report.terms)}",
        _so(report),
    ]


def _so(report: FinalReport) -> str:
    """What follows of it: nothing but how far val is to be believed."""
    stack, test = report.winner.stack, report.test.word
    if report.val.word == BETTER:
        kept = f"the winner stays {stack}: it was confirmed on val, and test chooses nothing"
        if test == BETTER:
            return f"test says the same, and {kept}"
        if test == NO_MATTER:
            return f"test finds no difference that matters, and yet {kept}; report both"
        if test != NOT_RESOLVED:
            return f"test says the opposite, and yet {kept}; report both"
        return f"test {_unresolved(_good(report.test))}; {kept}"
    kept = (
        f"the tuned baseline stays what to use, as {stack} was not confirmed on val, and test chooses nothing"
    )
    if test == BETTER:
        return f"test says something else than val, and yet {kept}; report both"
    if test not in (NOT_RESOLVED, report.val.word):
        found = NO_MATTER if test == NO_MATTER else f"that {stack} is {test}"
        return f"test finds {found}; {kept}"
    return kept


def _unresolved(good: float) -> str:
    """What a mean difference says that is not resolved: next to nothing."""
    if good == 0:
        return "resolves nothing, its mean difference is 0"
    return f"points {'the same' if good > 0 else 'the other'} way without resolving it"


def _good(one: Compared) -> float:
    """The mean difference, above 0 where the winner is the better."""
    return -one.mean if smaller_is_better(one.metric) else one.mean


def _effect(one: Compared, terms: Terms) -> str:
    parts = [number(one.metric, one.mean, True), terms.unit_of(one.metric, True), interval(one)]
    verb = one.word if one.word in (NO_MATTER, NOT_RESOLVED) else f"is {one.word}"
    return f"{terms.title(one.metric)} {' '.join(filter(None, parts))}, {verb}"


def interval(one: Compared) -> str:
    """In brackets; that of few seeds is the whole line."""
    if one.low is None or one.high is None:
        return "(interval: the whole line)"
    return f"[{number(one.metric, one.low, True)}, {number(one.metric, one.high, True)}]"


def comparison_table(report: FinalReport) -> Table:
    """Both splits beside each other."""
    rows = [
        [
            report.terms.title(one.metric),
            str(len(one.differences)),
            " ".join(
                filter(None, [number(one.metric, one.mean, True), report.terms.unit_of(one.metric, True)])
            ),
            interval(one),
            probability(one.p),
            one.word,
        ]
        for one in (report.val, report.test)
    ]
    headings = ["", "seeds", "difference", "95 % interval", "p", "verdict"]
    return Table(
        f"{report.winner.stack} less the tuned baseline ({report.at} weights)",
        headings,
        rows,
        prose=("verdict",),
    )


def readings_table(report: FinalReport) -> Table:
    """Every seed with what both reached on both splits."""
    val, test = report.val.metric, report.test.metric
    rows = [
        [
            str(one.seed),
            number(val, one.winner),
            number(val, one.baseline),
            number(val, one.winner - one.baseline, True),
            number(test, one.winner_test),
            number(test, one.baseline_test),
            number(test, one.winner_test - one.baseline_test, True),
            " and ".join(map(str, one.reads)),
        ]
        for one in report.readings
    ]
    titles = [report.terms.title(metric).partition(" ")[0] for metric in (val, test)]
    headings = ["seed"]
    for title in titles:
        headings += [f"{title}: winner", f"{title}: baseline", f"{title}: difference"]
    named = report.terms.with_unit(test).partition(" ")[2]
    return Table(f"each run: {named}", [*headings, "times read"], rows)


def counting(report: FinalReport) -> str:
    """How often test was read, and when."""
    runs = counted(2 * len(report.readings), "run")
    often = max(max(one.reads) for one in report.readings)
    before = "" if often == 1 else f", some of them {often} times in all, as others had read it before"
    if report.is_new:
        return f"test has been read once for this search, of {runs}{before}; it will not be read again"
    return f"test was read on {report.read}, of {runs}{before}; this call has read nothing"
