"""Trials as Optuna knows them: what is asked for next hangs on what has ended, and on nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest

from regbench.analysis.searching import Trial, TrialState
from regbench.errors import ConfigError
from regbench.space import Choice, Interval
from regbench.studies.searching.optuna_trials import Record, frozen, proposed, ranked, shown, value_of
from regbench.studies.searching.rounds import Asked, StudyFolder
from regbench.studies.searching.space import Candidate, Side, Tuned

RATE = Tuned("train.lr", Interval(0.001, 1.0, log=True), 0.1)
DECAY = Candidate("l2", (), [Tuned("reg.l2.strength", Interval(1e-5, 0.1, log=True), 1e-4, "", "l2")])
DROPOUT = Candidate("dropout", (), [Tuned("reg.dropout.p", Interval(0.05, 0.7), 0.5, "", "dropout")])
CUTOUT = Candidate(
    "cutout",
    (),
    [
        Tuned("reg.cutout.size", Interval(1, 6), 4, "", "cutout"),
        Tuned("reg.cutout.fill", Choice(("zero", "mean")), "mean", "", "cutout"),
    ],
)
ARM = Side("dropout+cutout", [DROPOUT, CUTOUT], [RATE], [DECAY])
BASE = Side("baseline", (), [RATE], [DECAY])
SAMPLERS = pytest.mark.parametrize("sampler", ["tpe", "random"])


def ended(side: Side, count: int, sampler: str = "tpe") -> list[Trial]:
    """Trials in rounds of four, scored by a formula; one in seven is pruned."""
    past: list[Trial] = []
    while len(past) < count:
        for values in proposed(tuple(past), side, 4, sampler, 0, False):
            number = len(past)
            score = 0.9 - abs(values["train.lr"] - 0.2) - 0.1 * (not values.get("use.dropout", False))
            lost = number % 7 == 6
            past.append(
                Trial(
                    number,
                    TrialState.PRUNED if lost else TrialState.COMPLETE,
                    side.members(values),
                    values,
                    side.words(values),
                    None if lost else score,
                    None if lost else 1.0,
                    {1: score / 2, 2: score},
                )
            )
    return past[:count]


@SAMPLERS
@pytest.mark.parametrize("side", [BASE, ARM], ids=lambda one: one.name)
def test_an_arm_begins_with_the_defaults(side: Side, sampler: str) -> None:
    first, second = proposed([], side, 2, sampler, 3, False)
    assert first["train.lr"] == 0.1
    assert first["reg.l2.strength"] == 1e-4
    if side is ARM:
        assert (first["use.dropout"], first["use.cutout"]) == (True, True)
        assert (first["reg.dropout.p"], first["reg.cutout.size"], first["reg.cutout.fill"]) == (
            0.5,
            4,
            "mean",
        )
    assert second != first


@SAMPLERS
def test_what_is_asked_for_is_a_function_of_the_past(sampler: str) -> None:
    past = ended(ARM, 16, sampler)
    asked = proposed(past, ARM, 4, sampler, 0, False)
    assert proposed(past, ARM, 4, sampler, 0, False) == asked
    assert proposed(past, ARM, 2, sampler, 0, False) == asked[:2]
    assert proposed(past, ARM, 4, sampler, 1, False) != asked


def test_what_is_asked_for_is_the_same_after_a_restart(tmp_path: Path) -> None:
    past = ended(ARM, 16)
    folder = StudyFolder(tmp_path)
    with folder.held():
        folder.ask(0, [Asked(ARM.name, replace(one, state=TrialState.OPEN)) for one in past])
        folder.end(0, [Asked(ARM.name, one) for one in past], 1.5)
    again = [one.trial for one in StudyFolder(tmp_path).ended(0) or ()]
    assert again == past
    assert proposed(again, ARM, 4, "tpe", 0, False) == proposed(past, ARM, 4, "tpe", 0, False)


def test_a_sampler_learns_of_what_has_ended() -> None:
    past = ended(ARM, 24)
    other = [replace(one, score=None if one.score is None else -one.score) for one in past]
    assert proposed(past, ARM, 4, "tpe", 0, False) != proposed(other, ARM, 4, "tpe", 0, False)


@SAMPLERS
def test_values_are_of_their_ranges_and_of_members_that_are_in(sampler: str) -> None:
    tried = [one.values for one in ended(ARM, 24, sampler)]
    for values in tried:
        assert 0.001 <= values["train.lr"] <= 1
        assert 1e-5 <= values["reg.l2.strength"] <= 0.1
        assert ("reg.dropout.p" in values) == values["use.dropout"]
        assert ("reg.cutout.size" in values) == ("reg.cutout.fill" in values) == values["use.cutout"]
        if values["use.cutout"]:
            assert values["reg.cutout.size"] in range(1, 7)
            assert isinstance(values["reg.cutout.size"], int)
    assert {one["use.dropout"] for one in tried} == {True, False}


def test_equal_scores_are_ranked_by_the_loss_and_others_are_not() -> None:
    assert ranked(0.8, 0.5, False) > ranked(0.8, 0.6, False) > ranked(0.8, None, False)
    assert ranked(0.8001, 9.0, False) > ranked(0.8, 0.0, False)
    assert ranked(1.2, 0.1, True) < ranked(1.1, 9.0, True)  # of a loss less is better


def test_what_was_pruned_or_failed_has_no_value_and_what_it_had_after_epochs() -> None:
    one = ended(BASE, 1)[0]
    for state in (TrialState.PRUNED, TrialState.FAILED):
        made = frozen(replace(one, state=state, score=None, reason="it diverged"), BASE, False)
        assert made.state is optuna.trial.TrialState.PRUNED
        assert made.user_attrs["reason"] == "it diverged"
        assert made.intermediate_values == one.steps
    assert value_of(replace(one, score=None), False) is None


def record(path: Path, token: str = "one", url: str | None = None, name: str = "study") -> Record:
    return Record(url, path / "optuna.journal", name, token)


def loaded(path: Path, name: str = "study/baseline", url: str | None = None) -> optuna.Study:
    """As a person would open it, or optuna-dashboard."""
    backend = optuna.storages.journal.JournalFileBackend(str(path / "optuna.journal"))
    storage = url or optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name=name, storage=storage)


@pytest.mark.parametrize("is_url", [False, True], ids=["journal", "sqlite"])
def test_the_record_holds_what_has_ended_once(is_url: bool, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db" if is_url else None
    past = ended(BASE, 8)
    record(tmp_path, url=url).put(BASE, past[:3], False)
    record(tmp_path, url=url).put(BASE, past, False)
    record(tmp_path, url=url).put(BASE, past, False)
    study = loaded(tmp_path, url=url)
    assert [one.params for one in study.trials] == [one.values for one in past]
    assert [one.state.name for one in study.trials] == [
        "PRUNED" if number % 7 == 6 else "COMPLETE" for number in range(8)
    ]
    assert [one.user_attrs["words"] for one in study.trials] == [one.words for one in past]
    best = max((one for one in past if one.score is not None), key=lambda one: one.score or 0)
    assert study.best_trial.number == best.number
    assert study.best_value == pytest.approx(best.score, abs=1e-6)


def test_half_a_last_line_is_taken_away(tmp_path: Path) -> None:
    past = ended(BASE, 4)
    record(tmp_path).put(BASE, past[:2], False)
    journal = tmp_path / "optuna.journal"
    whole = journal.read_bytes()
    assert whole.endswith(b"\n")
    record(tmp_path).put(BASE, past[:3], False)
    longer = journal.read_bytes()
    journal.write_bytes(longer[:-20])  # as one that was killed leaves it
    record(tmp_path).put(BASE, past, False)
    assert [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert [one.params for one in loaded(tmp_path).trials] == [one.values for one in past]


def test_another_search_of_the_name_is_refused(tmp_path: Path) -> None:
    past = ended(BASE, 2)
    record(tmp_path).put(BASE, past, False)
    with pytest.raises(ConfigError, match="holds another search of the name study; name this one by study="):
        record(tmp_path, token="another").put(BASE, past, False)
    assert len(loaded(tmp_path).trials) == 2


def test_a_storage_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened") as error:
        record(tmp_path, url=f"sqlite:///{tmp_path}/no/such/folder.db").put(BASE, [], False)
    assert "\n" not in str(error.value)


def test_a_round_is_written_once_and_whole(tmp_path: Path) -> None:
    folder, past = StudyFolder(tmp_path), ended(BASE, 2)
    assert (folder.rounds(), folder.ended(0), folder.finalists()) == (0, None, None)
    asked = [Asked("baseline", replace(one, state=TrialState.OPEN, score=None)) for one in past]
    with folder.held():
        folder.ask(0, asked)
        assert (folder.rounds(), folder.asked(0), folder.ended(0)) == (1, asked, None)
        folder.end(0, [Asked("baseline", one) for one in past], 1.5)
        folder.end(0, asked, 9.0)  # of another process that comes later
        assert folder.clock(0) == 1.5
        folder.name_finalists({"seeds": [1]})
        folder.name_finalists({"seeds": [2]})
    assert [one.trial for one in folder.ended(0) or ()] == past
    assert folder.finalists() == {"seeds": [1]}
    assert asdict(past[0])["steps"] == {
        1: pytest.approx(past[0].steps[1]),
        2: pytest.approx(past[0].steps[2]),
    }


def test_a_folder_with_another_search_is_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    with folder.held():
        folder.require({"sampler": "tpe", "seeds": [0]}, {"line": ["trials=9"]})
        folder.require({"sampler": "tpe", "seeds": [0]}, {"line": ["trials=60"]})  # more of the same
        with pytest.raises(ConfigError, match=r"holds another search, whose seeds is .0. and not .0, 1."):
            folder.require({"sampler": "tpe", "seeds": [0, 1]}, {})
    assert folder.about() == {"line": ["trials=9"], "sampler": "tpe", "seeds": [0]}


def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    with folder.held():
        (folder.path / "search.json").write_text("{")
    with pytest.raises(ConfigError, match=r"search\.json"):
        folder.about()


def test_which_runs_confirmed_is_kept_and_never_made_less(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    with folder.held():
        for seeds in ([100, 101], [100, 101, 102], [100]):
            folder.confirm({"seeds": seeds})
    assert folder.confirmation() == {"seeds": [100, 101, 102]}


def test_a_choice_begins_with_the_usual_value_however_it_is_typed() -> None:
    sizes = Tuned("train.batch_size", Choice(("16", "64", "256")), 64)
    switch = Tuned("reg.a.on", Choice(("True", "False")), False)
    assert (sizes.first, switch.first) == ("64", "False")
    assert (sizes.word("64"), switch.word("False")) == ("train.batch_size=64", "reg.a.on=false")


def test_a_number_is_typed_within_its_range_whatever_its_digits() -> None:
    decay = Tuned("reg.ema.decay", Interval(0.99, 0.99999), 0.995)
    assert decay.word(decay.rounded(0.999987)) == "reg.ema.decay=0.99999"
    assert decay.word(decay.rounded(0.99514159)) == "reg.ema.decay=0.9951"


def test_a_password_of_a_storage_is_not_printed() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert shown("sqlite:///a.db") == "sqlite:///a.db"
