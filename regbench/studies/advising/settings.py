"""What stands on the line of `regbench advise` beside the words of its runs: budget=1h, study=NAME."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regbench.composition.compose import keys_of
from regbench.errors import ConfigError, printable
from regbench.studies.budget import KEY as BUDGET
from regbench.studies.budget import budget_of
from regbench.studies.searching.settings import NAME

HOUR = 3600.0  # of a line without a budget
STUDY = "study"
NOT_GIVEN = {  # what advise decides itself, and who takes it
    "reg": "advise tries every technique that can act; `regbench search` takes candidates",
    "seed": "advise chooses seeds itself; `regbench race` takes them",
    "sweep": "is the name of a sweep; advice is named by study=NAME",
    "evaluate_test": "type --test, which reads the test split once, at the end",
    "hydra.sweep.dir": "everything lies in one folder of outputs/advice; name it by study=NAME",
    "hydra.run.dir": "everything lies in one folder of outputs/advice; name it by study=NAME",
}


@dataclass(frozen=True)
class Settings:
    """What may be spent, and where.

    Attributes:
        seconds: of the clock, for everything.
        given: whether the line said so.
        study: its name; None: made of dataset, model and a digest.
    """

    seconds: float = HOUR
    given: bool = False
    study: str | None = None


def settings_of(words: Sequence[str]) -> tuple[Settings, list[str]]:
    """What stands of it among the words of a line, and the other words.

    Raises:
        ConfigError: a word is given twice, is not what it must be, or is for another command.
    """
    budget, words = budget_of(words)
    for key, count in ((f"{BUDGET}.jobs", budget.jobs), (f"{BUDGET}.seeds", budget.seeds)):
        if count is not None:
            raise ConfigError(f"{key}: is for `regbench race`; advise takes a time, such as budget=1h")
    names, others = [], []
    for word in words:
        key, sign, value = word.lstrip("+").partition("=")
        if sign and key == STUDY:
            names.append(value)
        else:
            others.append(word)
    if len(names) > 1:
        raise ConfigError(f"{STUDY}: given twice, as {printable(names[0])} and as {printable(names[1])}")
    if names and (not NAME.fullmatch(names[0]) or names[0] in (".", "..")):
        raise ConfigError(
            f"{STUDY}: must be a name of letters, digits and . _ + -, got {printable(names[0]) or 'nothing'}"
        )
    _refuse(others)
    seconds = HOUR if budget.seconds is None else budget.seconds
    return Settings(seconds, budget.seconds is not None, names[0] if names else None), others


def _refuse(words: Sequence[str]) -> None:
    """Refuse what it decides itself."""
    plain = [word for word in words if not word.startswith("-")]
    for word, key in zip(plain, keys_of(plain), strict=True):
        found = next((one for one in NOT_GIVEN if key == one or key.startswith(f"{one}.")), None)
        if found:
            raise ConfigError(f"{found}: {NOT_GIVEN[found]}; got {printable(word)}")
