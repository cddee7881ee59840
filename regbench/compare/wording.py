"""How every output words a figure: units, signs, intervals, verdicts. Accuracies are shown in percent."""

from __future__ import annotations

from regbench.compare.report import Arm, Comparison, Difference, Interaction, Report, Verdict

PERCENT = ("accuracy", "ece")  # shown times 100
TITLES = {
    "train/accuracy": "train accuracy", "train/loss": "train loss",
    "select/accuracy": "select accuracy", "select/loss": "select loss",
    "val/accuracy": "val accuracy", "val/loss": "val NLL", "val/brier": "val Brier",
    "val/ece": "val ECE", "test/accuracy": "test accuracy", "test/loss": "test NLL",
    "test/brier": "test Brier", "test/ece": "test ECE",
    "gap/accuracy": "accuracy gap", "gap/loss": "loss gap",
    "corruption/accuracy": "corruption accuracy",
    "train/true_accuracy": "train accuracy, true labels",
    "train/noisy_accuracy": "wrong labels learned", "train/noisy_true_accuracy": "wrong labels seen through",
}  # fmt: skip
INTERVAL = "95 % interval, unadjusted"


def title(figure: str) -> str:
    """What a figure is called in a sentence or a heading."""
    return TITLES.get(figure, figure.replace("/", " ").replace("_", " "))


def is_percent(figure: str) -> bool:
    """Whether a figure is shown in percent, and its differences in points."""
    return figure.endswith(PERCENT)


def factor(figure: str) -> float:
    """What a figure is multiplied by to be shown."""
    return 100.0 if is_percent(figure) else 1.0


def unit(figure: str, difference: bool = False) -> str:
    """%, points, nats, or nothing."""
    if is_percent(figure):
        return "points" if difference else "%"
    return "nats" if figure.endswith("loss") else ""


def number(figure: str, value: float | None, signed: bool = False) -> str:
    """A value of a figure without its unit; a dash where there is none."""
    if value is None:
        return "-"
    decimals = 2 if is_percent(figure) else 4
    shown = f"{value * factor(figure):{'+' if signed else ''}.{decimals}f}"
    return shown if float(shown) else shown.lstrip("+-")  # no minus zero


def interval(figure: str, difference: Difference) -> str:
    """The interval of a difference, empty where there is none: [+0.31, +1.28]."""
    if difference.low is None or difference.high is None:
        return ""
    return f"[{number(figure, difference.low, True)}, {number(figure, difference.high, True)}]"


def probability(p: float | None) -> str:
    """A p-value with two digits that count."""
    if p is None:
        return "-"
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.995 else "1"


def effect(figure: str, difference: Difference) -> str:
    """A difference with its unit and interval: +0.80 points [+0.31, +1.28]."""
    words = [number(figure, difference.mean, True), unit(figure, True), interval(figure, difference)]
    return " ".join(filter(None, words))


def sentence(arm: Arm, comparison: Comparison) -> str:
    """What is to be said of one technique: `dropout is better: val accuracy +0.80 points [..], ...`."""
    verdict = arm.verdict
    if verdict is None:
        return (
            f"{arm.name} is the baseline" if arm.name == comparison.baseline else f"{arm.name}: no baseline"
        )
    return f"{arm.name} {judged(verdict)}: {measured(comparison.metric, arm, verdict)}"


def judged(verdict: Verdict) -> str:
    """The verb and the word of a verdict."""
    return "is not resolved" if verdict.word == "not resolved" else f"is {verdict.word}"


def measured(metric: str, arm: Arm, verdict: Verdict) -> str:
    """What a verdict rests on."""
    known = arm.differences.get(metric)
    if known is None:
        return verdict.reason
    p = f"adjusted p {probability(verdict.p_adjusted)}"
    words = [f"{title(metric)} {effect(metric, known)}", p, *([verdict.reason] if verdict.reason else [])]
    return ", ".join(words)


def together(metric: str, pair: Interaction) -> str:
    """What is to be said of two members: do they add up?"""
    a, b = pair.members
    alone = pair.first.mean + pair.second.mean
    said = {"synergy": f"{a} and {b} help each other", "overlap": f"{a} and {b} overlap"}
    head = said.get(pair.verdict.word, f"{a} and {b} add up, as far as {pair.interaction.n} seeds can tell")
    return (
        f"{head}: together {number(metric, pair.together.mean, True)}, the sum of each alone "
        f"{number(metric, alone, True)}, interaction {effect(metric, pair.interaction)}, "
        f"adjusted p {probability(pair.verdict.p_adjusted)}"
    )


def sensitivity(comparison: Comparison) -> list[str]:
    """What the design could have found, and how sure the measurement itself is."""
    lines = [comparison.design.sentence] if comparison.design else []
    metric = comparison.metric
    found = [arm.verdict.resolvable for arm in comparison.arms if arm.verdict and arm.verdict.resolvable]
    if found:
        low, high = (number(metric, value) for value in (min(found), max(found)))
        span = low if low == high else f"{low} to {high}"
        lines.append(
            f"differences of {span} {unit(metric, True)}, by technique, would have been resolved "
            "four times in five"
        )
    if comparison.sampling_error is not None:
        error = number("val/accuracy", comparison.sampling_error)
        spread = comparison.seed_spread
        over = "; over the seeds its standard deviation is "
        seeds = "" if spread is None else over + number("val/accuracy", spread)
        rows = comparison.rows["val"]
        lines.append(
            f"all of it on this validation split, whose {rows} rows alone leave the baseline's accuracy a "
            f"standard error of {error} points{seeds}"
        )
    return lines


def said(comparison: Comparison) -> list[str]:
    """All sentences on a comparison: what could be found, what was, and what to know before believing it."""
    lines = sensitivity(comparison)
    lines += [sentence(arm, comparison) for arm in comparison.arms if arm.verdict]
    lines += [together(comparison.metric, pair) for pair in comparison.interactions]
    return [*lines, *comparison.notes]


def left_out(report: Report) -> list[str]:
    """A sentence on every folder that does not count, or not wholly."""
    kinds = (("excluded", report.excluded), ("duplicate", report.duplicates), ("note", report.complaints))
    return [f"{kind}: {one.folder}: {one.reason}" for kind, several in kinds for one in several]
