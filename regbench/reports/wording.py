"""How every output words a metric: units, signs, intervals, verdicts. Accuracies are shown in percent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from regbench.analysis.report import Arm, Comparison, Design, Difference, Interaction, Verdict
from regbench.analysis.splits import is_over, said_over
from regbench.analysis.verdicts import NO_MATTER
from regbench.analysis.words import factor, number, probability
from regbench.errors import counted
from regbench.records.metrics import Terms, decimals, smaller_is_better, split_of
from regbench.records.reader import Excluded

INTERVAL = "95 % interval, unadjusted"
UNADJUSTED = (
    "An interval is of its one difference and is not adjusted for the number of techniques; a verdict is by "
    "the adjusted p. So an interval that leaves out 0 may stand beside “not resolved”."
)
PAIRED = {  # by the verdict on an interaction: no more than the verdict says
    "synergy": "together are better than the sum of each alone",
    "overlap": "together are worse than the sum of each alone",
}
LONGEST = 36  # letters of a name in a chart; the tables have all of it
ROWS = {"test": "the test split", "corruption": "corrupted rows of this validation split"}


def scaled(metric: str, values: Iterable[float]) -> list[float]:
    """Values of a metric as they are shown, with two digits more than anyone reads."""
    return [round(value * factor(metric), decimals(metric, value) + 2) for value in values]


def typeset(text: str) -> str:
    """A text with real minus signs: before a number that stands at its start, after a space or a bracket."""
    return re.sub(r"(?<![^\s\[(>])-(?=\d)", "\N{MINUS SIGN}", text)


def shortened(name: str) -> str:
    """A name of at most `LONGEST` letters; a longer one loses its middle."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 13]}…{name[-12:]}"


def interval(metric: str, difference: Difference) -> str:
    """The interval of a difference, empty where there is none: [+0.31, +1.28]."""
    if difference.low is None or difference.high is None:
        return ""
    return f"[{number(metric, difference.low, True)}, {number(metric, difference.high, True)}]"


def effect(metric: str, difference: Difference, terms: Terms) -> str:
    """A difference with its unit and interval: +0.80 points [+0.31, +1.28]."""
    measure = terms.unit_of(metric, True)
    words = [number(metric, difference.mean, True), measure, interval(metric, difference)]
    return " ".join(filter(None, words))


def in_full(metric: str, difference: Difference, terms: Terms) -> str:
    """The same; where there is no interval this is said."""
    none = "" if interval(metric, difference) else f" (no interval from {counted(difference.n, 'pair')})"
    return effect(metric, difference, terms) + none


def measured_on(metric: str, splits: bool = False) -> str:
    """The rows that a metric is of.

    Args:
        metric: of a split that judges.
        splits: whether it is over splits.
    """
    words = ROWS.get(split_of(metric), "this validation split")
    return words.replace("this validation split", "validation splits") if splits else words


def sentence(arm: Arm, comparison: Comparison) -> str:
    """What is to be said of one technique: `dropout is better: val accuracy +0.80 points [..], ...`.

    Nothing of the baseline, or without one.
    """
    verdict = arm.verdict
    said = measured(comparison.metric, arm, verdict, comparison.terms) if verdict else ""
    return f"{arm.name} {judged(verdict)}: {said}" if verdict else ""


def judged(verdict: Verdict) -> str:
    """The verb and the word of a verdict."""
    return f"{'makes' if verdict.word == NO_MATTER else 'is'} {verdict.word}"


def measured(metric: str, arm: Arm, verdict: Verdict, terms: Terms) -> str:
    """What a verdict rests on."""
    known = arm.differences.get(metric)
    if known is None:
        return verdict.reason
    return f"{terms.title(metric)} {in_full(metric, known, terms)}, {tested(verdict)}"


def tested(verdict: Verdict) -> str:
    """The p of a verdict, and why it is not what the numbers alone would say."""
    return ", ".join(filter(None, [f"adjusted p {probability(verdict.p_adjusted)}", verdict.reason]))


def together(metric: str, pair: Interaction, terms: Terms) -> str:
    """What is to be said of two members: do they add up?"""
    names, word = " and ".join(pair.members), pair.verdict.word
    head = f"not resolved whether {names} add up"
    if word in PAIRED:
        head = f"{names} {_joined(pair, -1 if smaller_is_better(metric) else 1)}"
    both, alone = effect(metric, pair.together, terms), effect(metric, pair.summed, terms)
    left = in_full(metric, pair.interaction, terms)
    return (
        f"{head}: together {both}, the sum of each alone {alone}, interaction {left}, {tested(pair.verdict)}"
    )


def _joined(pair: Interaction, good: int) -> str:
    """What two members that do not add up do to each other, as far as the intervals of the effects say so.

    Args:
        pair: with a verdict that is resolved.
        good: the sign of a difference that is better.
    """
    both, summed = _ends(pair.together, good), _ends(pair.summed, good)
    lows, highs = zip(*(_ends(alone, good) for alone in (pair.first, pair.second)), strict=True)
    if pair.verdict.word == "synergy":
        if both[0] > max(0.0, *highs):
            return "help each other"
        if both[1] < 0 and summed[1] < 0:
            return "harm less than each alone adds up to"
    elif both[1] < min(lows):
        return "get in each other's way"
    elif min(lows) > 0:
        return "overlap"
    return PAIRED[pair.verdict.word]


def _ends(of: Difference, good: int = 1) -> tuple[float, float]:
    """The worst and the best that an interval holds; everything where there is none."""
    if of.low is None or of.high is None:
        return -math.inf, math.inf
    low, high = sorted((good * of.low, good * of.high))
    return low, high


def about_pairs(metric: str, pairs: Sequence[Interaction], design: Design | None, terms: Terms) -> list[str]:
    """What is to be said of all pairs, then what their tests could have found."""
    return [
        *(together(metric, pair, terms) for pair in pairs),
        *limits(design, [pair.verdict for pair in pairs], metric, terms),
    ]


def limits(design: Design | None, verdicts: Iterable[Verdict], metric: str, terms: Terms) -> list[str]:
    """What a family of tests could have found."""
    lines = [design.sentence] if design else []
    found = [verdict.resolvable for verdict in verdicts if verdict.resolvable]
    if found:
        low, high = number(metric, min(found)), number(metric, max(found))
        span = f"a difference of {low}" if low == high else f"differences of {low} to {high}"
        words = filter(
            None, [span, terms.unit_of(metric, True), "would have been resolved four times in five"]
        )
        lines.append(" ".join(words))
    return lines


def sensitivity(comparison: Comparison) -> list[str]:
    """What the design could have found, how sure the measurement itself is, and by what it is judged."""
    verdicts = [arm.verdict for arm in comparison.arms if arm.verdict]
    lines = limits(comparison.design, verdicts, comparison.metric, comparison.terms)
    if is_over(comparison.config) and comparison.design:
        lines.append(said_over(comparison.rows["train"], comparison.rows["val"]))
    elif comparison.sampling_error is not None and comparison.metric.startswith("val/"):
        judged = comparison.terms.judged
        error = number(judged, comparison.sampling_error)
        spread = comparison.seed_spread
        over = "; over the seeds its standard deviation is "
        seeds = "" if spread is None else over + number(judged, spread)
        rows = comparison.rows["val"]
        if comparison.sampling_error == 0:
            lines.append(_rule_of_three(comparison, rows))
        else:
            lines.append(
                f"all of it on this validation split, whose {rows} rows alone leave the baseline's accuracy "
                f"a standard error of {error} points{seeds}"
            )
    elif comparison.design and comparison.metric.startswith("val/"):
        lines.append(f"all of it on this validation split, of {counted(comparison.rows['val'], 'row')}")
    if comparison.judge and comparison.design:
        lines.append(comparison.judge.sentence)
    return lines


def _rule_of_three(comparison: Comparison, rows: int) -> str:
    """How sure an accuracy of 0 or 1 is, of which the standard error by its formula would be 0."""
    judged = comparison.terms.judged
    right = comparison.arms[0].figures[judged].mean > 0.5
    most = number(judged, min(1.0, 3 / rows))
    return (
        f"all of it on this validation split, of whose {counted(rows, 'row')} the baseline has "
        f"{'all' if right else 'none'} right: of other rows like these up to about {most} % may be "
        f"{'wrong' if right else 'right'} (rule of three, 95 %)"
    )


def said(comparison: Comparison) -> list[str]:
    """All sentences on a comparison: what could be found, what was, and what to know before believing it."""
    lines = sensitivity(comparison)
    lines += filter(None, (sentence(arm, comparison) for arm in comparison.arms))
    lines += about_pairs(
        comparison.metric, comparison.interactions, comparison.interactions_design, comparison.terms
    )
    return [*lines, *comparison.notes]


def left_out(
    excluded: Iterable[Excluded], duplicates: Iterable[Excluded], complaints: Iterable[Excluded]
) -> list[str]:
    """A sentence on every folder that does not count, or not wholly."""
    kinds = (("excluded", excluded), ("duplicate", duplicates), ("note", complaints))
    return [f"{kind}: {one.folder}: {one.reason}" for kind, several in kinds for one in several]
