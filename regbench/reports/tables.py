"""A comparison as tables of short texts, for people: terminal, Markdown, LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.words import number, probability
from regbench.records.metrics import JUDGING, Kind, keys, split_of
from regbench.reports.wording import interval
from regbench.terminal.columns import Table

NONE = "-"
WHOLE = "95 % interval"  # heading of the cells that are read as one
SPLITS = ("train", "val", "test", "gap")  # of which what decides is shown
BALANCED = keys(("classes alike",), JUDGING)
Cell = Callable[[Arm], str]


def tables(comparison: Comparison) -> list[Table]:
    """What was measured and what may be said of it; the other figures; what it costs."""
    return [_verdicts(comparison), _others(comparison), _cost(comparison)]


def _verdicts(comparison: Comparison) -> Table:
    metric, terms = comparison.metric, comparison.terms
    columns: dict[str, Cell] = {"stack": lambda arm: arm.name, "seeds": _seeds}
    spare, last = [], "seeds"
    deciding = [f"{split}/{terms.decider.name}" for split in SPLITS]
    for figure in _known(comparison, [*deciding, *([] if metric in deciding else [metric])]):
        judged = figure in (metric, terms.judged)
        heading = (
            _in_unit(split_of(figure), terms.unit_of(figure))
            if figure in deciding
            else terms.with_unit(figure)
        )
        columns[heading] = _mean_and_sd(figure) if judged else partial(_mean_of, figure)
        if figure == metric:
            last = heading
        else:
            spare.append(heading)
    columns["diff."] = partial(_difference, metric)
    columns[WHOLE] = lambda arm: (
        interval(metric, arm.differences[metric]) if metric in arm.differences else ""
    )
    columns["adj. p"] = lambda arm: probability(arm.verdict.p_adjusted if arm.verdict else None)
    columns["verdict"] = lambda arm: _word(arm, comparison)
    rows = f"{comparison.rows['val']} rows"
    caption = (
        f"{comparison.name}: {terms.decider.noun} of the {comparison.at} weights, {rows}; mean ± SD; "
        "intervals unadjusted"
    )
    filled = _filled(caption, columns, comparison)
    return replace(filled, spare=(*spare, *dict.fromkeys(("seeds", last))))


def _others(comparison: Comparison) -> Table:
    columns: dict[str, Cell] = {"stack": lambda arm: arm.name}
    for figure in _known(comparison, [*_others_of(comparison), *(BALANCED if comparison.uneven else ())]):
        columns[comparison.terms.with_unit(figure)] = _mean_and_difference(figure)
    return _filled("mean (difference to the baseline)", columns, comparison)


def _others_of(comparison: Comparison) -> list[str]:
    """What is shown beside the metric of the verdicts: of test and of corrupted rows after all else."""
    late = ("test", "corruption")
    kinds: tuple[Kind, ...] = ("accuracy", "numbers", "loss", "calibration")
    found = [key for key in keys(kinds) if key != comparison.terms.judged]
    found.sort(key=lambda key: late.index(split_of(key)) if split_of(key) in late else -1)
    return [*found, *keys(("wrong labels",))]


def _cost(comparison: Comparison) -> Table:
    columns: dict[str, Cell] = {
        "stack": lambda arm: arm.name,
        "epochs": lambda arm: _mean(arm, "epochs"),
        "epoch selected": lambda arm: _mean(arm, "epoch"),
        "seconds": lambda arm: _mean(arm, "seconds"),
    }
    for cost, heading in (("seconds", "time"), ("examples_per_s", "examples/s"), ("flops", "FLOPs")):
        columns[f"{heading}, times"] = partial(_multiple, cost)
    columns["test reads"] = lambda arm: str(arm.test_reads)
    return _filled("cost; times: in multiples of the baseline's", columns, comparison)


def _filled(caption: str, columns: dict[str, Cell], comparison: Comparison) -> Table:
    return Table(
        caption, list(columns), [[cell(arm) for cell in columns.values()] for arm in comparison.arms]
    )


def _known(comparison: Comparison, figures: Sequence[str]) -> list[str]:
    """Those that any arm has."""
    return [figure for figure in figures if any(figure in arm.figures for arm in comparison.arms)]


def _in_unit(what: str, measure: str) -> str:
    return f"{what} ({measure})" if measure else what


def _mean_and_sd(figure: str) -> Cell:
    def cell(arm: Arm) -> str:
        known = arm.figures.get(figure)
        if known is None:
            return NONE
        spread = "" if known.sd is None else f" ± {number(figure, known.sd)}"
        return number(figure, known.mean) + spread

    return cell


def _mean_and_difference(figure: str) -> Cell:
    def cell(arm: Arm) -> str:
        if figure not in arm.figures:
            return NONE
        known = arm.differences.get(figure)
        against = f" ({number(figure, known.mean, True)})" if known else ""
        return number(figure, arm.figures[figure].mean) + against

    return cell


def _mean_of(figure: str, arm: Arm) -> str:
    return number(figure, arm.figures[figure].mean) if figure in arm.figures else NONE


def _difference(metric: str, arm: Arm) -> str:
    return number(metric, arm.differences[metric].mean, True) if metric in arm.differences else NONE


def _seeds(arm: Arm) -> str:
    """How many count, and how many of them are paired where these are fewer."""
    fewer = f" ({len(arm.paired)} paired)" if arm.verdict and len(arm.paired) < len(arm.seeds) else ""
    return f"{len(arm.seeds)}{fewer}"


def _multiple(cost: str, arm: Arm) -> str:
    return f"{arm.cost[cost]:.2f}" if cost in arm.cost else NONE


def _mean(arm: Arm, figure: str) -> str:
    return f"{arm.figures[figure].mean:.4g}" if figure in arm.figures else NONE


def _word(arm: Arm, comparison: Comparison) -> str:
    if arm.name == comparison.baseline:
        return "baseline"
    if arm.verdict is None:
        return NONE
    return f"{arm.verdict.word} ({arm.verdict.reason})" if arm.verdict.reason else arm.verdict.word


def markdown(table: Table) -> str:
    """A table as GitHub's Markdown; text stays text."""
    lines = [table.headings, ["---"] * len(table.headings), *table.rows]
    return "\n".join("| " + " | ".join(map(in_markdown, line)) + " |" for line in lines) + "\n"


def in_markdown(text: str) -> str:
    """A text in which no sign has a meaning to Markdown or HTML; an underscore within a word has none."""
    if text == "---":
        return text
    return re.sub(r"[\\`*{}\[\]<>#|~!&$]|(?<!\w)_|_(?!\w)", lambda found: "\\" + found[0], text)


def latex(table: Table) -> str:
    r"""A table for \usepackage{booktabs}; text stays text."""
    aligned = "l" + "r" * (len(table.headings) - 1)
    rows = ["{}" + " & ".join(map(in_latex, row)) + r" \\" for row in (table.headings, *table.rows)]
    return "\n".join(
        [
            r"\begin{tabular}{" + aligned + "}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "<": r"\textless{}",
    ">": r"\textgreater{}",
}  # fmt: skip


def in_latex(text: str) -> str:
    """A text in which no sign has a meaning to LaTeX; the sign of a negative number is a minus."""
    escaped = "".join(SPECIAL.get(sign, sign) for sign in text)
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escaped)
