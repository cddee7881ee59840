"""Trials as Optuna knows them: studies in memory, built anew of what has ended, and its durable record."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as State
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from regbench.analysis.searching import Trial, TrialState
from regbench.errors import ConfigError
from regbench.space import Choice, Domain, Interval
from regbench.studies.searching.space import USE, Side, spelled

TIE = 1e-6  # of the score, at most: what the loss of select adds, so that it decides between equal scores
SWITCH = Choice((False, True))


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's remarks on each trial, and on what of it is new."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def distribution(domain: Domain) -> BaseDistribution:
    """A domain as Optuna has it; choices by how they are typed, switches as they are."""
    if isinstance(domain, Interval):
        if domain.whole:
            return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    if domain is SWITCH:
        return CategoricalDistribution(domain.values)
    return CategoricalDistribution([spelled(value) for value in domain.values])


def domains(side: Side) -> dict[str, Domain]:
    """All that an arm sets, by key."""
    switches: dict[str, Domain] = {USE + one.option: SWITCH for one in side.candidates if side.switched}
    return switches | {one.key: one.domain for one in side.tuned}


def ranked(score: float, loss: float | None, smaller: bool) -> float:
    """What is made as large as can be: the score, and where it is the same the loss of select."""
    tie = TIE / (1 + max(0.0, loss)) if loss is not None else 0.0
    return (-score if smaller else score) + tie


def value_of(trial: Trial, smaller: bool) -> float | None:
    """The same of a trial; None where it has no score."""
    return None if trial.score is None else ranked(trial.score, trial.loss, smaller)


def frozen(trial: Trial, side: Side, smaller: bool) -> FrozenTrial:
    """A trial that has ended, as Optuna has it."""
    kinds = {key: distribution(domain) for key, domain in domains(side).items() if key in trial.values}
    params = {key: _param(kinds[key], trial.values[key]) for key in kinds}
    steps = {step: -value if smaller else value for step, value in trial.steps.items()}
    complete = trial.state is TrialState.COMPLETE
    told: dict[str, Any] = {"words": trial.words, "jobs": trial.jobs, "seconds": trial.seconds}
    if trial.reason:
        told["reason"] = trial.reason
    return create_trial(
        # what is impossible or has failed is no better than what was pruned at once: samplers learn of both
        state=State.COMPLETE if complete else State.PRUNED,
        value=value_of(trial, smaller) if complete else None,
        params=params,
        distributions=kinds,
        intermediate_values=steps,
        user_attrs=told,
        system_attrs=trial.noted,
    )


def _param(kind: BaseDistribution, value: Any) -> Any:
    if isinstance(kind, CategoricalDistribution) and value not in kind.choices:
        return spelled(value)
    return value


def in_memory(trials: Iterable[Trial], side: Side, smaller: bool) -> optuna.Study:
    """A study of trials that have ended, in their order."""
    with quiet():
        study = optuna.create_study(direction="maximize")
        for one in trials:
            study.add_trial(frozen(one, side, smaller))
    return study


def sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """One of `SAMPLERS`, seeded."""
    with quiet():
        if name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)


def seed_for(seed: int, arm: str, number: int) -> int:
    """Of the draws of one trial: two processes, or one that is started again, ask for the same."""
    text = f"{seed} {arm} {number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def proposed(
    past: Sequence[Trial], side: Side, count: int, name: str, seed: int, smaller: bool
) -> list[dict[str, Any]]:
    """The values of an arm's next trials; a function of those that have ended, and of nothing else.

    Args:
        past: those that have ended, in order, from the first on.
        side: the arm.
        count: how many are asked for.
        name: of the sampler.
        seed: of the search.
        smaller: whether less of the score is better.
    """
    study, made = in_memory(past, side, smaller), []
    with quiet():
        for number in range(len(past), len(past) + count):
            if number == 0:
                made.append(dict(side.first()))
                study.enqueue_trial(made[0] | {key: spelled(v) for key, v in _texts(side, made[0])})
            study.sampler = sampler(name, seed_for(seed, side.name, number))
            values = _suggested(study.ask(), side)
            if number:
                made.append(values)
    return made


def _texts(side: Side, values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Values of choices, which Optuna has as they are typed."""
    return [(one.key, values[one.key]) for one in side.tuned if isinstance(one.domain, Choice)]


def _suggested(trial: optuna.Trial, side: Side) -> dict[str, Any]:
    """The values of a trial: of a candidate that is out there are none."""
    values: dict[str, Any] = {}

    def suggest(key: str, domain: Domain) -> Any:
        kind = distribution(domain)
        if isinstance(kind, FloatDistribution):
            return trial.suggest_float(key, kind.low, kind.high, log=kind.log)
        if isinstance(kind, IntDistribution):
            return trial.suggest_int(key, kind.low, kind.high, log=kind.log)
        assert isinstance(kind, CategoricalDistribution)
        return trial.suggest_categorical(key, kind.choices)

    for one in side.common:
        values[one.key] = one.rounded(suggest(one.key, one.domain))
    for candidate in side.candidates:
        key = USE + candidate.option
        if side.switched:
            values[key] = suggest(key, SWITCH)
        if values.get(key, True):
            values |= {one.key: one.rounded(suggest(one.key, one.domain)) for one in candidate.tuned}
    return values


def shown(url: str) -> str:
    """A storage as it may be printed: without its password."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", url)


def require_storage(url: str) -> None:
    """Refuse the address of a storage of no kind that there is; nothing is opened.

    Raises:
        ConfigError: it is one.
    """
    try:
        create_engine(url)
    except Exception as error:  # of SQLAlchemy, and the import of any database's driver
        raise _unopened(url, error) from error


def _unopened(url: str, error: Exception) -> ConfigError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ConfigError(f"storage: {shown(url)} cannot be opened: {said}")


class _OurLock:
    """Nothing: whoever writes holds the study, and one that is killed must keep nobody waiting."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


class Record:
    """What Optuna's own tools read: of each arm a study, to which trials are added once they have ended.

    Args:
        url: of a storage; None: a journal.
        journal: its path.
        name: of the search; studies are called so, and by the arm.
        token: which search it is; another one of the same name is refused.

    Raises:
        ConfigError: the storage cannot be opened, or holds another search of the name.
    """

    def __init__(self, url: str | None, journal: Path, name: str, token: str) -> None:
        self._name, self._token = name, token
        self.where = shown(url) if url else str(journal)
        with quiet():
            if url is None:
                self._storage: Any = _journal(journal)
                return
            try:
                self._storage = RDBStorage(url)
            except Exception as error:  # of SQLAlchemy, and of any database's driver
                raise _unopened(url, error) from error

    def refuse_another(self, arms: Iterable[str]) -> None:
        """Refuse a storage with another search of the name; nothing is written.

        Raises:
            ConfigError: it holds one, or cannot be read.
        """
        try:
            for arm in arms:
                with quiet(), suppress(KeyError):  # of a study that is not there yet
                    number = self._storage.get_study_id_from_name(f"{self._name}/{arm}")
                    self._require_own(self._storage.get_study_user_attrs(number).get("regbench"))
        except (SQLAlchemyError, StorageInternalError, OSError) as error:
            raise _unopened(self.where, error) from error

    def _require_own(self, token: str | None) -> None:
        if token not in (None, self._token):
            raise ConfigError(
                f"storage: {self.where} holds another search of the name {self._name}; name this one by "
                "study=NAME"
            )

    def put(self, side: Side, trials: Sequence[Trial], smaller: bool) -> None:
        """Add those of an arm's trials that are not there yet.

        Raises:
            ConfigError: they are of another search, or the storage cannot be written.
        """
        try:
            self._put(side, trials, smaller)
        except (SQLAlchemyError, StorageInternalError, OSError) as error:
            raise self._failed(error) from error

    def _put(self, side: Side, trials: Sequence[Trial], smaller: bool) -> None:
        with quiet():
            study = optuna.create_study(
                storage=self._storage,
                study_name=f"{self._name}/{side.name}",
                direction="maximize",
                load_if_exists=True,
            )
            token = study.user_attrs.get("regbench")
            self._require_own(token)
            if token is None:
                study.set_user_attr("regbench", self._token)
            there = len(study.get_trials(deepcopy=False))
            for trial in trials[there:]:
                study.add_trial(frozen(trial, side, smaller))

    def _failed(self, error: Exception) -> ConfigError:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ConfigError(f"storage: {self.where} cannot be written: {said}; the same line goes on")


def _journal(path: Path) -> JournalStorage:
    """Optuna's own record in a file of ours.

    Raises:
        ConfigError: something else has been put there.
    """
    try:
        _trim(path)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_OurLock()))  # type: ignore[arg-type]
    except Exception as error:  # of Optuna, which takes every line for one of its own
        raise ConfigError(
            f"study: {path} must be a journal of Optuna's, and is none; move it away, and it is written anew"
        ) from error


def _trim(journal: Path) -> None:
    """Take away a last line that whoever was killed over it has left half."""
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
