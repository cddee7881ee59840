"""What of the spread of the scores each parameter explains, by Optuna's fANOVA."""

from __future__ import annotations

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from regbench.analysis.search_findings import Importance, scored, typed
from regbench.analysis.searching import Arm, Parameter, SearchReport, Trial
from regbench.errors import counted
from regbench.studies.searching.optuna_trials import quiet

FEWEST = 4  # complete trials
SEED = 0  # of the forest: the same trials give the same shares


def importances(report: SearchReport) -> dict[str, Importance]:
    """The importance of the parameters of every arm, by its name."""
    return {arm.name: importance(arm, report.smaller) for arm in report.arms}


def importance(arm: Arm, smaller: bool) -> Importance:
    """Give the share of the scores' variance that each parameter explains by itself, in sum 1.

    A forest of regression trees is fitted to the complete trials; what a parameter explains is the variance
    of the forest's mean over all others (its main effect). Only parameters that every complete trial has
    take part: the switches of candidates, and values such as the learning rate.

    Args:
        arm: with its trials.
        smaller: whether less of the score is better; it does not change the shares.

    Paper: Hutter et al., 2014, https://proceedings.mlr.press/v32/hutter14.html
    """
    complete = scored(arm)
    trials = [trial for trial, _ in complete]
    count = len(complete)
    if count < FEWEST:
        number = counted(count, "complete trial") if count else "no complete trial"
        verb = "are" if count > 1 else "is"
        return Importance(
            trials=count, reason=f"there {verb} {number}, and {FEWEST} are the fewest to tell from"
        )
    if len({score for _, score in complete}) == 1:
        return Importance(trials=count, reason="all complete trials have the same score")
    shared = [one for one in arm.parameters if all(one.key in trial.values for trial in trials)]
    varied = [one for one in shared if len({typed(trial.values[one.key]) for trial in trials}) > 1]
    if len(varied) < 2:
        which = f"{varied[0].key} alone" if varied else "nothing"
        return Importance(trials=count, reason=f"{which} differs among the values that all trials have")
    distributions = {one.key: _distribution(one, trials) for one in varied}
    with quiet():
        study = optuna.create_study(direction="minimize" if smaller else "maximize")
        for trial, score in complete:
            values = {one.key: _value(distributions[one.key], trial, one.key) for one in varied}
            study.add_trial(
                optuna.trial.create_trial(params=values, distributions=distributions, value=score)
            )
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=SEED))
    if not sum(shares.values()):
        return Importance(trials=count, reason="no parameter by itself explains any of the spread")
    return Importance({key: float(share) for key, share in shares.items()}, count)


def _distribution(parameter: Parameter, trials: list[Trial]) -> BaseDistribution:
    """A range that holds all of the values; of a choice those that were tried."""
    values = [trial.values[parameter.key] for trial in trials]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    if parameter.low is None or parameter.high is None or not numbers:
        return CategoricalDistribution(sorted({typed(one) for one in values}))
    low, high = min(parameter.low, *values), max(parameter.high, *values)
    log = parameter.log and low > 0
    if all(isinstance(one, int) for one in values):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _value(distribution: BaseDistribution, trial: Trial, key: str) -> float | str:
    value = trial.values[key]
    return typed(value) if isinstance(distribution, CategoricalDistribution) else value
