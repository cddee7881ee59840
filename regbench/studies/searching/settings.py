"""What a search may spend, and how it goes about it: trials=60, budget=2h, pruner=none on its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from regbench.errors import ConfigError, nearest, printable
from regbench.stats.paired_test import SEQUENTIAL
from regbench.studies.budget import KEY as BUDGET
from regbench.studies.budget import count_of, seconds_of, whole

TRIALS = 60  # of a search that is given neither trials nor time
NAME = re.compile(r"[\w.+-]{1,120}")
SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "halving", "hyperband", "none")
COUNTS = {
    "trials": "trials",
    "trials.baseline": "baseline_trials",
    "finalists": "finalists",
    "finalists.seeds": "finalist_seeds",
    "confirm.seeds": "confirm_seeds",
    "batch": "batch",
}
ALL_AT_ONCE = ("batch", "finalists.seeds", "confirm.seeds")  # all of them are drawn before the first is run
MOST_AT_ONCE = 10_000
SEED = "sampler.seed"
KNOWN = frozenset({BUDGET, *COUNTS, "sampler", SEED, "pruner", "storage", "study"})


@dataclass(frozen=True)
class Settings:
    """How a search goes about it.

    Attributes:
        trials: of all arms together; None: as many as there is time for.
        baseline_trials: of these the baseline's; None: all arms get equally many.
        seconds: of the clock, for everything; None: as much as it takes.
        finalists: of each arm.
        finalist_seeds: that each of them is run with.
        confirm_seeds: fresh ones, at most.
        batch: trials that are asked for at once; what they find is known to the next ones.
        sampler: which of Optuna's proposes values.
        seed: of its draws.
        pruner: which of Optuna's stops a trial early.
        storage: where Optuna's record is kept; None: a journal in the study's folder.
        study: its name; None: made of dataset, model and what is searched.
    """

    trials: int | None = None
    baseline_trials: int | None = None
    seconds: float | None = None
    finalists: int = 3
    finalist_seeds: int = 3
    confirm_seeds: int = 20
    batch: int = 8
    sampler: str = "tpe"
    seed: int = 0
    pruner: str = "median"
    storage: str | None = None
    study: str | None = None

    def shares(self, arms: int) -> list[int | None]:
        """How many trials each arm gets, the baseline first; what is left over goes to the first of them.

        Raises:
            ConfigError: some arm would get none.
        """
        if self.trials is None:
            return [None] * arms
        least = arms if self.baseline_trials is None else self.baseline_trials + arms - 1
        if self.trials < least:
            raise ConfigError(
                f"trials: must be at least {least}, so that each of {arms} arms has one, got {self.trials}"
            )
        if self.baseline_trials is None:
            return _split(self.trials, arms)
        rest: list[int | None] = _split(self.trials - self.baseline_trials, arms - 1)
        return [self.baseline_trials, *rest]


def _split(trials: int, arms: int) -> list[int | None]:
    each, over = divmod(trials, arms)
    return [each + (number < over) for number in range(arms)]


def settings_of(words: Sequence[str]) -> tuple[Settings, list[str]]:
    """What stands of it among the words of a line, and the other words.

    Raises:
        ConfigError: a word is given twice, or is not what it must be.
    """
    tops = {key.partition(".")[0] for key in KNOWN}
    found: dict[str, str] = {}
    others = []
    for word in words:
        key, sign, value = word.lstrip("+").partition("=")
        if not sign or key.partition(".")[0] not in tops:
            others.append(word)
        elif key not in KNOWN:
            hint = nearest(key, KNOWN) or f"; there are {', '.join(sorted(KNOWN))}"
            raise ConfigError(f"{printable(key)}: there is no such setting of a search{hint}")
        elif key in found:
            raise ConfigError(f"{key}: given twice, as {printable(found[key])} and as {printable(value)}")
        else:
            found[key] = value
    given: dict[str, object] = {
        name: count for key, name in COUNTS.items() if (count := _count(key, found.get(key))) is not None
    }
    given["seconds"] = seconds_of(found.get(BUDGET))
    for key, options in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        if key in found:
            given[key] = _one_of(key, found[key], options)
    if SEED in found:
        given["seed"] = whole(SEED, found[SEED], 0)
    if "study" in found:
        given["study"] = _name(found["study"])
    if "storage" in found:
        given["storage"] = _storage(found["storage"])
    if "trials" not in found and BUDGET not in found:
        given["trials"] = TRIALS
    made = Settings(**given)  # type: ignore[arg-type]
    _refuse_few(made)
    return made, others


def _count(key: str, text: str | None) -> int | None:
    return count_of(key, text, MOST_AT_ONCE) if key in ALL_AT_ONCE else count_of(key, text)


def _refuse_few(settings: Settings) -> None:
    least = SEQUENTIAL.seeds_needed(1)
    if settings.confirm_seeds < least:
        raise ConfigError(
            f"confirm.seeds: must be at least {least}, as nothing can be decided with fewer, "
            f"got {settings.confirm_seeds}"
        )
    if settings.baseline_trials is None:
        if settings.trials is not None and settings.trials < 2:
            raise ConfigError("trials: must be at least 2, as the baseline is tuned too, got 1")
        return
    if settings.trials is None:
        raise ConfigError(
            "trials.baseline: is a part of trials, and needs them, such as trials=60 trials.baseline=20"
        )
    if settings.baseline_trials >= settings.trials:
        raise ConfigError(
            f"trials.baseline: must be below trials={settings.trials}, as the others are tuned too, "
            f"got {settings.baseline_trials}"
        )


def _one_of(key: str, value: str, options: Sequence[str]) -> str:
    if value not in options:
        raise ConfigError(
            f"{key}: must be one of {', '.join(options)}, got {printable(value) or 'nothing'}"
            f"{nearest(value, options)}"
        )
    return value


def _name(text: str) -> str:
    if not NAME.fullmatch(text) or text in (".", ".."):
        raise ConfigError(
            f"study: must be a name of letters, digits and . _ + -, got {printable(text) or 'nothing'}"
        )
    return text


def _storage(text: str) -> str:
    text = text.strip("'\"")
    if "://" not in text:
        raise ConfigError(
            f"storage: must be a URL that Optuna takes, such as sqlite:///study.db, got "
            f"{printable(text) or 'nothing'}; without the key it is a journal in the study's folder"
        )
    return text
