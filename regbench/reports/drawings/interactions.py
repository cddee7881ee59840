"""What pairs of members do beyond the sum of each alone; on the diagonal each alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regbench.analysis.report import Comparison, Difference, Interaction
from regbench.analysis.words import number, probability
from regbench.records.metrics import Terms, smaller_is_better
from regbench.reports.drawings.marks import Cells, Drawing, Panel
from regbench.reports.drawings.palette import NEGATIVE, POSITIVE, Looks
from regbench.reports.wording import effect, interval, scaled, shortened, typeset


def interactions(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """Below the diagonal; of a pair that was run in both orders one above it."""
    found, metric, terms = comparison.interactions, comparison.metric, comparison.terms
    if not found:
        return None
    names = list(dict.fromkeys(name for one in found for name in one.members))
    place = {name: rank for rank, name in enumerate(names)}
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    texts, told = ([[""] * len(names) for _ in names] for _ in range(2))
    for (row, column), one in _places(found, place).items():
        values[row][column] = scaled(metric, [one.interaction.mean])[0]
        texts[row][column] = _words(one.verdict.word, one.interaction, metric)
        told[row][column] = _told(one, metric, terms)
    for name, alone in _alone(found).items():
        texts[place[name]][place[name]] = _words("alone", alone, metric)
    ends = (POSITIVE, NEGATIVE) if smaller_is_better(metric) else (NEGATIVE, POSITIVE)
    most = max(abs(value) for row in values for value in row if value is not None) or 1.0
    measure = terms.unit_of(metric, True)
    cells = Cells(
        values, texts, told, names, names, ((0.0, ends[0]), (0.5, "#ffffff"), (1.0, ends[1])), -most, most,
        f"interaction{f' ({measure})' if measure else ''}", keyed=True,
    )  # fmt: skip
    caption = (
        f"What two members do together beyond the sum of what each does alone, in {terms.title(metric)}, "
        "paired by seed, with 95 % intervals, unadjusted. Blue: more good than the sum; orange: less. On the "
        "diagonal, each alone."
    )
    return Drawing([Panel([cells])], caption, note=f"in {terms.title(metric)}; on the diagonal each alone")


def _places(found: Sequence[Interaction], place: Mapping[str, int]) -> dict[tuple[int, int], Interaction]:
    """Row and column of each."""
    cells: dict[tuple[int, int], Interaction] = {}
    for one in found:
        low, high = sorted(place[name] for name in one.members)
        cells[(low, high) if (high, low) in cells else (high, low)] = one
    return cells


def _alone(found: Sequence[Interaction]) -> dict[str, Difference]:
    """The difference of each member alone; of the most seeds, where pairs share different ones."""
    alone: dict[str, Difference] = {}
    for one in found:
        for name, known in zip(one.members, (one.first, one.second), strict=True):
            if name not in alone or known.n > alone[name].n:
                alone[name] = known
    return alone


def _words(word: str, known: Difference, metric: str) -> str:
    return typeset(f"{word}\n{number(metric, known.mean, True)}\n{interval(metric, known)}".rstrip())


def _told(one: Interaction, metric: str, terms: Terms) -> str:
    first, second = map(shortened, one.members)
    p = probability(one.verdict.p_adjusted)
    found = (one.interaction, one.together, one.first, one.second)
    effects = [typeset(effect(metric, known, terms)) for known in found]
    return (
        f"{first}, then {second}: {one.verdict.word}"
        f"\ninteraction {effects[0]}, adjusted p {p}"
        f"\ntogether {effects[1]}\n{first} alone {effects[2]}\n{second} alone {effects[3]}"
    )
