"""What an advice says in sentences: what to switch on first, then all that it rests on."""

from __future__ import annotations

from regbench.analysis.advising import Advice, Part, Plan, RaceFound, Side
from regbench.analysis.searching import Outcome
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED
from regbench.analysis.words import number, probability
from regbench.errors import counted, duration, listed
from regbench.records.metrics import smaller_is_better

LEVEL = "95 %"
CHOSEN = (
    "The race and the search chose by select; the verdict is of val, whose rows have chosen nothing, on "
    "seeds that nothing before has seen."
)
REUSED = (
    "The winner's runs are those of the verdict: as only a winner that survives is taken apart, what its "
    "members add is, if anything, a little too much."
)
ADDS = {  # of the verdict on what a member adds
    "better": "adds",
    "worse": "harms: leave it out",
    NO_MATTER: "can be left out at no loss that matters",
    NOT_RESOLVED: "not resolved: it may add something or not",
}


def headline(advice: Advice) -> str:
    """What to do, in a few words."""
    found = advice.search
    if found.survives and found.winner:
        both = found.baseline.members if found.baseline else []
        own = [one for one in found.winner.members if one not in both]
        shared = [one for one in found.winner.members if one in both]
        beside = f", beside {' + '.join(shared)}, which the tuned baseline has too" if shared else ""
        return f"Switch on {' + '.join(own or shared)}{beside if own else ''}."
    if found.outcome is Outcome.NOTHING and found.baseline:
        return f"Nothing was found that survives: use the tuned baseline, {_settings(found.baseline)}."
    return "There is no verdict yet."


def _settings(side: Side) -> str:
    """The values that it has, without the words that make a stack."""
    return ", ".join(word.lstrip("+") for word in side.words if not word.startswith("+reg="))


def answers(advice: Advice) -> list[str]:
    """By how much it helps, with which certainty, at what cost."""
    found, plan = advice.search, advice.plan
    lines = [found.said]
    if found.survives and found.winner and found.baseline:
        lines = [_by_how_much(advice), _certainty(advice), _levels(advice), *_cost(advice)]
        lines.append(
            f"Its values: {_settings(found.winner)}. The tuned baseline has {_settings(found.baseline)}."
        )
    elif found.mean is not None:
        lines += [_certainty(advice), *_cost(advice)]
    lines += [one[:1].upper() + one[1:] + "." for one in plan.said]
    return lines


def _by_how_much(advice: Advice) -> str:
    plan, found = advice.plan, advice.search
    by, title = effect(plan, found.mean, found.low, found.high), plan.terms.title(plan.metric)
    if smaller_is_better(plan.metric):
        return f"It changes {title} by {by}, of which less is better, against the baseline tuned alike."
    return f"It helps by {by} of {title}, against the baseline tuned alike."


def _certainty(advice: Advice) -> str:
    found = advice.search
    p = f"p {probability(found.p)}, " if found.p is not None else ""
    holds = f"the interval holds in {LEVEL} of such searches, however often one looks"
    if found.low is None or found.high is None:
        holds = "of so few none but the whole line is an interval that holds"
    return f"Certainty: {counted(len(found.seeds), 'fresh seed')}, {p}{holds}."


def _levels(advice: Advice) -> str:
    plan, found = advice.plan, advice.search
    figures = [
        f"{name} {number(plan.metric, side.mean)}"
        + (f" ± {number(plan.metric, side.sd)}" if side.sd is not None else "")
        for name, side in (("with it", found.winner), ("the tuned baseline", found.baseline))
        if side
    ]
    title = plan.terms.with_unit(plan.metric)
    return f"{title[:1].upper()}{title[1:]}: {', '.join(figures)}."


def _cost(advice: Advice) -> list[str]:
    found = advice.search
    if found.time is None:
        return []
    who = "It" if found.survives else found.winner.stack if found.winner else "The winner"
    return [f"{who} costs {found.time:.2f} times the training time of the tuned baseline."]


def effect(plan: Plan, mean: float | None, low: float | None, high: float | None) -> str:
    """A difference with its unit and interval."""
    if mean is None:
        return "-"
    words = [number(plan.metric, mean, True), plan.terms.unit_of(plan.metric, True)]
    return " ".join(filter(None, [*words, interval(plan, low, high)]))


def interval(plan: Plan, low: float | None, high: float | None) -> str:
    """An interval in brackets; empty where it is the whole line."""
    if low is None or high is None:
        return ""
    return f"[{number(plan.metric, low, True)}, {number(plan.metric, high, True)}]"


def of_part(part: Part) -> str:
    """What may be said of a member of the winner."""
    return ADDS.get(part.word, part.word)


def of_ablation(advice: Advice) -> list[str]:
    """What can be left out at no loss, and what is not known; never more than was found."""
    parts = advice.ablation.parts if advice.ablation else []
    by = {word: [one.member for one in parts if one.word == word] for word in ADDS}
    said = []
    if by["better"]:
        said.append(f"To keep, as it adds to the rest: {listed(by['better'])}.")
    if by["worse"]:
        each = "each of them alone" if len(by["worse"]) > 1 else "it"
        said.append(f"To leave out, as the stack is better without {each}: {listed(by['worse'])}.")
    if by[NO_MATTER]:
        one = "It can" if len(by[NO_MATTER]) == 1 else "Each of them alone, the others kept, can"
        said.append(f"{one} be left out at no loss that matters: {listed(by[NO_MATTER])}.")
    if by[NOT_RESOLVED]:
        margin = "" if advice.plan.margin is not None else "; --margin says which loss would not matter"
        said.append(f"Not resolved, which is not the same as no loss: {listed(by[NOT_RESOLVED])}{margin}.")
    said += [f"Not known of {one.member}: {one.word}." for one in parts if one.word not in ADDS]
    return [*said, REUSED] if said else []


def not_apart(advice: Advice) -> str:
    """Why there was no ablation."""
    if advice.search.survives:
        return "the winner has one member, so there is nothing to take apart"
    return "only a winner that survives is taken apart; the time kept for it was not used"


def planned(plan: Plan) -> list[str]:
    """The plan in sentences."""
    runs = (
        f"{counted(plan.epochs, 'epoch')}, about {duration(plan.baseline * plan.epochs / plan.asked_epochs)}"
    )
    lines = [
        f"{counted(len(plan.acting), 'technique')} can act on {plan.model} and {plan.dataset}, "
        f"{len(plan.left_out)} left out; a run without any has {runs}, {plan.workers} at once",
        f"race: {duration(plan.race)}, about {counted(plan.seeds, 'seed')} of each with "
        f"{counted(plan.race_epochs, 'epoch')}, judged by {plan.terms.title(plan.chooses)}",
        f"search: {duration(plan.search)} and what the race leaves, about {counted(plan.runs, 'run')}; a "
        f"part of them confirms, judged by {plan.terms.title(plan.metric)}",
        f"ablation: {duration(plan.ablation)}, if the winner survives",
    ]
    return [*lines, *plan.said]


def stage_line(stage: str, plan: Plan, raced: RaceFound | None = None) -> str:
    """What is said as a stage begins or ends."""
    if stage == "plan":
        return "\n".join(["plan:", *(f"  {line}" for line in planned(plan))])
    if stage == "raced" and raced is not None:
        names = listed(raced.candidates) or "none"
        over = f", as {raced.stage.over}" if raced.stage.over else ""
        return f"race: over after {raced.stage.spent}{over}; searched are {names} ({raced.rule})"
    return {
        "race": "race: every technique at its defaults, against none",
        "ablation": "ablation: the winner without each of its members",
    }[stage]
