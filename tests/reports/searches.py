"""Searches that never were: one with numbers by hand, and one with as many trials as one likes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regbench.analysis.comparison import report as compared
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison
from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import (
    BASELINE,
    Arm,
    Confirmation,
    Finalist,
    Outcome,
    Parameter,
    SearchReport,
    Setting,
    Trial,
    TrialState,
)
from regbench.records.reader import Found
from tests.records.planted import result

C, P, F, O = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED, TrialState.OPEN  # noqa: E741
RATE = Parameter("train.lr", "0.01 to 1 (log)", 0.01, 1.0, True)
BATCH = Parameter("train.batch_size", "32, 64, 128", choices=("32", "64", "128"))
STACK = "dropout+mixup+l2"
CANDIDATES = ["dropout", "mixup", "l2"]
OF_STACK = [
    RATE,
    BATCH,
    Parameter("use.dropout", "true, false", choices=("true", "false")),
    Parameter("reg.dropout.p", "0.05 to 0.7", 0.05, 0.7, candidate="dropout"),
    Parameter("use.mixup", "true, false", choices=("true", "false")),
    Parameter("reg.mixup.alpha", "0.05 to 1 (log)", 0.05, 1.0, True, candidate="mixup"),
    Parameter("use.l2", "true, false", choices=("true", "false")),
    Parameter("reg.l2.strength", "1e-05 to 0.01 (log)", 1e-5, 1e-2, True, candidate="l2"),
]
SEEDS = [100, 101, 102, 103, 104, 105]
# val accuracies on fresh seeds; the winner's are a point higher, or nothing on average
VAL = [0.90, 0.91, 0.92, 0.91, 0.90, 0.92]
NOTHING = [0.004, -0.012, 0.008, -0.004, 0.003, 0.001]


def trial(
    number: int, state: TrialState, values: dict[str, Any], score: float | None, reason: str = ""
) -> Trial:
    """A trial of 40 epochs where it is complete; one that was pruned had this score at epoch 10."""
    members = [name for name in CANDIDATES if values.get(f"use.{name}")]
    words = [f"{key}={value}" for key, value in values.items() if not key.startswith("use.")]
    complete = state == C
    steps = {10: score - 0.05, 40: score} if complete and score else {10: score} if score else {}
    epochs = {C: 40, P: 10 if score else 0, F: 3, O: 5}[state]
    return Trial(
        number,
        state,
        members,
        values,
        [f"+reg=[{','.join(members)}]", *words],
        score if complete else None,
        1 - score if complete and score else None,
        steps,
        epochs,
        2.5 * epochs,
        reason,
        [f"trials/{number}"],
    )


def _tuned() -> Arm:
    found: Sequence[tuple[TrialState, float, int, float | None]] = (
        (C, 0.1, 64, 0.8954), (C, 0.03, 64, 0.8870), (P, 0.9, 128, 0.62), (C, 0.2, 32, 0.8996),
        (P, 0.012, 32, 0.71), (C, 0.14, 64, 0.9079), (C, 0.5, 128, 0.8745), (F, 1.0, 32, None),
    )  # fmt: skip
    trials = [
        trial(n, state, {"train.lr": rate, "train.batch_size": batch}, score, REASONS.get(state, ""))
        for n, (state, rate, batch, score) in enumerate(found)
    ]
    finalists = [
        Finalist(5, {50: 0.9, 51: 0.902, 52: 0.904}, 0.902, 0.002, 0.32, True),
        Finalist(3, {50: 0.894, 51: 0.90, 52: 0.897}, 0.897, 0.003, 0.35, False),
    ]
    return Arm(BASELINE, [], [RATE, BATCH], 8, trials, finalists)


REASONS = {P: "median of the others is better", F: "its worker was lost (FAILED)"}


def _stacks() -> Arm:
    found: Sequence[tuple[TrialState, float, int, float | None, float | None, float | None, float | None]] = (
        (C, 0.1, 64, None, None, None, 0.8912), (C, 0.2, 64, 0.3, None, None, 0.9079),
        (C, 0.08, 32, 0.5, 0.2, None, 0.9205), (P, 0.9, 128, 0.6, None, 1e-2, 0.55),
        (C, 0.13, 64, 0.45, 0.3, 1e-4, 0.9289), (P, 0.011, 32, None, 0.8, None, 0.68),
        (C, 0.16, 64, 0.4, 0.25, 3e-4, 0.9247), (C, 0.3, 32, None, 0.4, 1e-3, 0.9038),
        (P, 0.02, 64, None, None, None, None), (C, 0.12, 64, 0.35, None, 2e-4, 0.9163),
        (C, 0.1, 128, None, 0.6, None, 0.8996), (C, 0.25, 64, 0.55, 0.15, None, 0.9163),
    )  # fmt: skip
    trials = []
    for n, (state, rate, batch, p, alpha, strength, score) in enumerate(found):
        values: dict[str, Any] = {"train.lr": rate, "train.batch_size": batch}
        for name, key, value in (
            ("dropout", "p", p), ("mixup", "alpha", alpha), ("l2", "strength", strength),
        ):  # fmt: skip
            values[f"use.{name}"] = value is not None
            if value is not None:
                values[f"reg.{name}.{key}"] = value
        why = "reg.translation: fraction must be above 0.0625" if score is None else REASONS.get(state, "")
        trials.append(trial(n, state, values, score, why))
    finalists = [
        Finalist(4, {50: 0.915, 51: 0.92, 52: 0.91}, 0.915, 0.005, 0.29, True),
        Finalist(6, {50: 0.912, 51: 0.914, 52: 0.907}, 0.911, 0.0036, 0.30, False),
        Finalist(2, {50: 0.908, 51: 0.913}, None, None, None, False, "seed 52 diverged"),
    ]
    return Arm(STACK, CANDIDATES, OF_STACK, 12, trials, finalists)


def comparison(differences: Sequence[float]) -> Comparison:
    """Of the winner with the tuned baseline, as `compare` makes it of such runs."""
    runs = [
        result(stack, seed, val + (difference if stack else 0.0))
        for stack in ([], CANDIDATES)
        for seed, val, difference in zip(SEEDS, VAL, differences, strict=True)
    ]
    (found,) = compared(Found(runs, []), Question("val/accuracy")).comparisons
    return found


def search(survives: bool = True) -> SearchReport:
    """Three candidates on digits: the winner keeps a point on fresh seeds, or nothing of what it promised."""
    differences = [0.01, 0.012, 0.008, 0.011, 0.009, 0.01] if survives else NOTHING
    arms = [_tuned(), _stacks()]
    sides = [
        Setting(arm.name, chosen.number, "+".join(chosen.members) or "baseline", chosen.words,
                {seed: f"confirm/{arm.name}_{seed}" for seed in SEEDS})
        for arm in arms if (chosen := arm.chosen)
    ]  # fmt: skip
    found = Confirmation(
        "val/accuracy", "best", sides[1], sides[0], SEEDS, differences, 0.01 if survives else 0.0,
        0.0079 if survives else -0.009, 0.0121 if survives else 0.009, 0.012 if survives else 0.83,
        "better" if survives else "not resolved",
        "it is decided" if survives else "all seeds that it may have are run", comparison(differences),
    )  # fmt: skip
    told = (
        "On fresh seeds the winner is better than the tuned baseline by 1.00 points."
        if survives
        else "Nothing was found that survives: +2.10 points on select are 0.00 on val, not resolved."
    )
    return SearchReport(
        "1.0", "digits-mlp", "outputs/searches/digits-mlp",
        "regbench search '+reg=[dropout,mixup,l2]' trials=20", "digits", "mlp", "select/accuracy", False, [0],
        40, "TPE", "median", ["optimizer: SGD with momentum 0.9, as given"], arms, found,
        Outcome.SURVIVES if survives else Outcome.NOTHING, told, "38 jobs, 1094 epochs, 46 min",
        "outputs/searches/digits-mlp/journal.log",
    )  # fmt: skip


def begun() -> SearchReport:
    """The same search while its first trial runs."""
    arms = [replace(arm, trials=[], finalists=[]) for arm in search().arms]
    first = trial(0, O, {"train.lr": 0.1, "train.batch_size": 64}, None)
    arms[0] = replace(arms[0], trials=[first])
    return replace(
        search(), arms=arms, confirmation=None, outcome=Outcome.OPEN, said="0 of 20 trials have ended.",
        spent="1 job",
    )  # fmt: skip


def weighed() -> dict[str, Importance]:
    """By hand: of the baseline there is none."""
    shares = {
        "use.dropout": 0.46,
        "train.lr": 0.31,
        "use.mixup": 0.17,
        "train.batch_size": 0.06,
        "use.l2": 0.0,
    }
    return {
        BASELINE: Importance(
            trials=3, reason="there are 3 complete trials, and 4 are the fewest to tell from"
        ),
        STACK: Importance(shares, 9),
    }


def large(arms: int = 3, trials: int = 60) -> tuple[SearchReport, dict[str, Importance]]:
    """As a study of some hours leaves it: arms of many candidates, most trials pruned, some diverged."""
    draw = random.Random(7)
    names = ["dropout", "mixup", "l2", "ema", "sam", "label_smoothing", "random_erasing", "stochastic_depth"]
    made, found = [search().arms[0]], {BASELINE: weighed()[BASELINE]}
    for place in range(arms - 1):
        some = names[: 8 - 3 * place]
        made.append(_drawn("+".join(some), some, trials, draw))
        keys = [f"use.{name}" for name in some] + ["train.lr", "train.batch_size"]
        weights = sorted((draw.random() ** 3 for _ in keys), reverse=True)
        shares = {key: weight / sum(weights) for key, weight in zip(keys, weights, strict=True)}
        found[made[-1].name] = Importance(shares, trials // 3)
    return replace(search(False), arms=made), found


def _drawn(name: str, candidates: list[str], trials: int, draw: random.Random) -> Arm:
    parameters = [RATE, BATCH]
    for one in candidates:
        parameters.append(Parameter(f"use.{one}", "true, false", choices=("true", "false")))
        parameters.append(Parameter(f"reg.{one}.strength", "0.01 to 1 (log)", 0.01, 1.0, True, candidate=one))
    made = []
    for number in range(trials):
        rate = 10 ** draw.uniform(-2, 0)
        values: dict[str, Any] = {"train.lr": rate, "train.batch_size": draw.choice([32, 64, 128])}
        score = 0.9 - 0.02 * abs(rate - 0.15) + draw.gauss(0, 0.006)
        for place, one in enumerate(candidates):
            values[f"use.{one}"] = draw.random() < 0.5
            if values[f"use.{one}"]:
                values[f"reg.{one}.strength"] = 10 ** draw.uniform(-2, 0)
                score += 0.008 / (1 + place)
        state = C if draw.random() < 0.4 else P
        made.append(
            replace(
                trial(number, state, values, 0.1 if rate > 0.8 else score - (0.0 if state == C else 0.06)),
                members=[one for one in candidates if values[f"use.{one}"]],
            )
        )
    best = sorted((t for t in made if t.state == C), key=lambda t: -(t.score or 0))[:3]
    finalists = [
        Finalist(t.number, {50: (t.score or 0) - 0.01, 51: (t.score or 0) - 0.006}, (t.score or 0) - 0.008,
                 0.003, 0.3, place == 0)
        for place, t in enumerate(best)
    ]  # fmt: skip
    return Arm(name, candidates, parameters, trials, made, finalists)
