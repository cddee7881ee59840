"""What a line says is searched, read in Hydra's grammar."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from regbench.composition.command_line import CommandLine
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.space import Choice, Interval
from regbench.studies.searching.reading import space_of
from regbench.studies.searching.space import Side, Space, Tuned

DECAY = Interval(1e-5, 0.1, log=True)  # as regularizers/l2.py declares it
TWO = "+reg=[dropout,mixup]"


def space(*words: str, config_dir: str | None = None) -> Space:
    line = CommandLine(words, config_dir=config_dir, multirun=True)
    return space_of(line, composer() if config_dir is None else Composer(config_dir))


@functools.cache
def composer() -> Composer:
    """Of our own options, which takes a while to read them."""
    return Composer(None)


def domains(side: Side) -> dict[str, Interval | Choice]:
    return {one.key: one.domain for one in side.tuned}


def test_rate_and_decay_are_tuned_in_every_arm_and_members_where_they_may_be() -> None:
    base, arm = space(TWO).sides
    rate = domains(base)["train.lr"]
    assert isinstance(rate, Interval)
    assert rate.log
    assert rate.high / rate.low == pytest.approx(300)  # from a tenth of the usual one to thirty times it
    assert domains(base) == {"train.lr": rate, "reg.l2.strength": DECAY}
    own = {"reg.dropout.p": Interval(0.05, 0.7), "reg.mixup.alpha": Interval(0.1, 2.0, log=True)}
    assert domains(arm) == domains(base) | own
    assert (base.name, arm.name) == ("baseline", "dropout+mixup")


def test_each_list_of_candidates_is_an_arm_and_the_empty_one_is_the_baseline() -> None:
    found = space("+reg=[],[dropout,l2],[mixup]")
    assert [side.name for side in found.sides] == ["baseline", "dropout+l2", "mixup"]
    _, both, alone = found.sides
    assert both.switched
    assert both.always == []  # where decay is a candidate it is switched like the others
    assert both.members({"use.dropout": False, "use.l2": True}) == ["l2"]
    assert not alone.switched  # one alone is always in
    assert alone.members({}) == ["mixup"]


def test_the_words_of_a_trial_have_what_is_in_and_nothing_of_what_is_out() -> None:
    _, arm = space(TWO, "reg.mixup.per=example").sides
    values = {
        "use.dropout": True,
        "use.mixup": False,
        "train.lr": 0.25,
        "reg.l2.strength": 1e-4,
        "reg.dropout.p": 0.3,
    }
    assert arm.words(values) == [
        "+reg=[dropout,l2]",
        "reg.dropout.p=0.3",
        "reg.l2.strength=0.0001",
        "train.lr=0.25",
    ]
    with_mixup = values | {"use.dropout": False, "use.mixup": True, "reg.mixup.alpha": 1.5}
    words = arm.words(with_mixup)
    assert words[:3] == ["+reg=[mixup,l2]", "reg.mixup.per=example", "reg.mixup.alpha=1.5"]


@pytest.mark.parametrize(
    ("word", "key", "domain"),
    [
        ("reg.dropout.p=interval(0.1,0.6)", "reg.dropout.p", Interval(0.1, 0.6)),
        ("reg.dropout.p=tag(log,interval(0.01,0.6))", "reg.dropout.p", Interval(0.01, 0.6, log=True)),
        ("reg.dropout.mode=classic,inverted", "reg.dropout.mode", Choice(("classic", "inverted"))),
        ("reg.dropout.p=choice(0.1,0.2)", "reg.dropout.p", Choice(("0.1", "0.2"))),
        ("train.lr=tag(log,interval(0.001,1))", "train.lr", Interval(0.001, 1.0, log=True)),
        ("train.batch_size=interval(16,64)", "train.batch_size", Interval(16, 64)),
        ("train.batch_size=range(16,49,16)", "train.batch_size", Choice(("16", "32", "48"))),
    ],
)
def test_a_range_of_the_line_is_what_is_tried(word: str, key: str, domain: Interval | Choice) -> None:
    _, arm = space(TWO, word).sides
    assert domains(arm)[key] == domain
    if not key.startswith("reg."):
        assert domains(space(TWO, word).sides[0])[key] == domain  # the baseline's too


def test_each_candidate_is_looked_at_without_the_others_which_may_exclude_it() -> None:
    found = space("+reg=[augmix,smart_augmentation],[mixup]", "reg.mixup.per=example")
    first = [next(several) for several in found.alone()]
    stacks = [next(word for word in words if word.startswith("+reg=")) for words in first]
    assert stacks == ["+reg=[l2]", "+reg=[augmix,l2]", "+reg=[smart_augmentation,l2]", "+reg=[mixup,l2]"]
    assert "reg.mixup.per=example" in first[-1]
    asked = space(TWO, "reg.mixup.alpha=interval(0.2,0.4)", "train.lr=interval(0.1,0.2)")
    ends = {
        one.key: [next(edge) for key, edge in asked.edges() if key.key == one.key] for one, _ in asked.edges()
    }
    assert [
        [word for word in words if "mixup" in word or "dropout" in word] for words in ends["reg.mixup.alpha"]
    ] == [
        ["+reg=[mixup,l2]", "reg.mixup.alpha=0.2"],
        ["+reg=[mixup,l2]", "reg.mixup.alpha=0.4"],
    ]
    assert all("+reg=[l2]" in words for words in ends["train.lr"])  # of every trial: with no candidate


def test_whole_numbers_stay_whole() -> None:
    _, arm = space(TWO, "train.batch_size=interval(16,64)").sides
    one = next(each for each in arm.tuned if each.key == "train.batch_size")
    assert one.domain.whole  # type: ignore[union-attr]
    assert one.word(one.first) == "train.batch_size=64"
    with pytest.raises(ConfigError, match="must be of whole numbers"):
        space(TWO, "train.batch_size=interval(16.5,64)")


def test_a_value_in_the_line_is_not_searched() -> None:
    found = space(TWO, "reg.dropout.p=0.2", "train.lr=0.3", "reg.l2.strength=1e-3")
    for side in found.sides:
        assert "train.lr" not in domains(side)
        assert "reg.l2.strength" not in domains(side)
        assert "reg.l2.strength=1e-3" in side.words(side.first())
    assert "reg.dropout.p" not in domains(found.sides[1])
    assert "reg.dropout.p=0.2" in found.sides[1].words(found.sides[1].first())
    said = " ".join(found.fixed)
    assert "train.lr=0.3 in every arm" in said
    assert "weight decay (reg.l2.strength=1e-3) is in every arm" in said


def test_seeds_are_those_of_every_trial() -> None:
    assert space(TWO).seeds == [0]
    assert space(TWO, "seed=3,1,3").seeds == [3, 1]
    assert space(TWO, "seed=range(3)").seeds == [0, 1, 2]


def test_the_first_values_are_the_defaults_or_the_nearest() -> None:
    _, arm = space(TWO, "reg.dropout.p=interval(0.6,0.9)").sides
    first = arm.first()
    assert first["reg.dropout.p"] == 0.6  # the default 0.5 lies below
    assert (first["use.dropout"], first["use.mixup"]) == (True, True)
    assert Tuned("a", Choice(("x", "y")), "y").first == "y"
    assert Tuned("a", Choice(("x", "y")), "z").first == "x"
    assert Tuned("a", Choice(("0.1", "0.4", "null")), 0.5).first == "0.4"
    assert Tuned("a", Choice(("1", "2e-4", "true")), 1e-4).first == "2e-4"
    assert Tuned("a", Interval(1, 9), 4).first == 4
    assert Tuned("a", Interval(0.1, 0.9), None).first == 0.1


RAMP = "regbench.strengths.Ramp"


def test_the_first_value_is_what_the_line_has_for_the_member() -> None:
    ramp = f"reg.dropout.p={{_target_: {RAMP}, start: 0, end: 0.5, over: 0.3}}"
    _, arm = space(TWO, ramp, "reg.dropout.p.end=interval(0.1,0.6)").sides
    assert arm.first()["reg.dropout.p.end"] == 0.5
    _, arm = space(
        TWO, ramp.replace("end: 0.5", "end: 1"), "reg.dropout.p.end=tag(log,interval(0.1,0.6))"
    ).sides
    assert arm.first()["reg.dropout.p.end"] == 0.6  # a 1 that was typed does not say: whole numbers


def test_a_range_has_the_numbers_that_are_meant() -> None:
    _, arm = space(TWO, "reg.dropout.p=range(0.1,0.5,0.1)").sides
    assert domains(arm)["reg.dropout.p"] == Choice(("0.1", "0.2", "0.3", "0.4"))
    assert arm.first()["reg.dropout.p"] == "0.4"
    typed = "0.30000000000000004"
    _, arm = space(TWO, f"reg.dropout.p={typed},0.5").sides
    assert domains(arm)["reg.dropout.p"] == Choice((typed, "0.5"))


def test_parts_of_what_stands_in_the_place_of_a_value_are_searched_and_the_value_is_not() -> None:
    parts = [f"+reg.dropout.p._target_={RAMP}", "+reg.dropout.p.start=0", "+reg.dropout.p.over=0.5"]
    _, arm = space(TWO, *parts, "+reg.dropout.p.end=0.1,0.3").sides
    assert "reg.dropout.p" not in domains(arm)
    words = arm.words(arm.first())
    assert words[1:5] == [*parts, "+reg.dropout.p.end=0.1"]


def test_a_member_that_is_in_every_arm_is_told_and_has_its_words() -> None:
    found = space("+reg@reg.a=dropout", "+reg=[mixup,l2]", "reg.a.p=0.1")
    assert found.base == ["+reg@reg.a=dropout", "reg.a.p=0.1"]
    said = "a (+reg@reg.a=dropout reg.a.p=0.1) is in every arm, the baseline's too, as the line has it"
    assert said in found.fixed
    assert not any(key.startswith("reg.a") for side in found.sides for key in domains(side))


def test_a_member_that_is_in_every_arm_may_be_tuned_there() -> None:
    found = space("+reg@reg.a=dropout", "+reg=[mixup,l2]", "reg.a.p=interval(0.1,0.3)")
    assert [domains(side)["reg.a.p"] for side in found.sides] == [Interval(0.1, 0.3)] * 2
    assert "a (+reg@reg.a=dropout) is in every arm, the baseline's too, and tuned there" in found.fixed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "must be given candidates"),
        (["+reg=[]"], "must be given candidates"),
        (["+reg@reg.a=dropout"], r"got \+reg@reg.a=dropout, by which members are in every arm"),
        (["+reg@reg.a=dropout", TWO, "reg.z.p=1"], "must be of a candidate or of a member of every arm"),
        (["+reg=[l2]"], "reg: must have a candidate beside l2"),
        (["+reg=[dropout,dropout]"], "must name each candidate once"),
        (["+reg=[dropout],[dropout]"], "must name each list of candidates once"),
        ([TWO, "reg.cutout.size=3"], "reg.cutout.size: must be of a candidate"),
        ([TWO, "reg.cutout.size=interval(1,3)"], "reg.cutout.size: must be of a candidate"),
        ([TWO, "seed=interval(0,3)"], "seed: must list whole numbers"),
        ([TWO, "seed=0.5"], "seed: must list whole numbers"),
        ([TWO, "dataset.num_train=97,98"], "must have one value in a search"),
        ([TWO, "model=mlp,cnn"], "model: must be one option in a search"),
        ([TWO, "reg.dropout.p=tag(linear,interval(0,1))"], "one tag there is is log"),
        ([TWO, "reg.dropout.p=tag(log,interval(0,1))"], "reg.dropout.p: must be above 0"),
        ([TWO, "reg.dropout.p=interval(0.5,0.5)"], "reg.dropout.p: must be from a finite number"),
        ([TWO, "reg.dropout.p=choice(0.5)"], "reg.dropout.p: must have two values or more"),
        ([TWO, "hydra.verbose=true,false"], "hydra.verbose: must have one value"),
        ([TWO, "train.lr=x"], "train: lr must be a number, got 'x'"),  # no range lies around it
        ([TWO, "train.lr={a:1}"], "train: lr must be a value, got a group"),
    ],
)
def test_what_cannot_be_searched_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        space(*words)
    assert "\n" not in str(error.value)


OWN = """
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval


@dataclass(eq=False)
class Mine(Regularizer):
    {search}
    amount: float
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder of options with one of a person's own class, whose module has a name of its own."""
    module = f"mine_{request.node.name.partition('[')[0][-20:]}"
    (tmp_path / "options" / "reg").mkdir(parents=True)
    option = f"# @package reg.mine\n_target_: {module}.Mine\namount: 0.5\n"
    (tmp_path / "options" / "reg" / "mine.yaml").write_text(option)
    (tmp_path / f"{module}.py").write_text(OWN.format(search=""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / f"{module}.py"


def test_an_own_member_without_ranges_is_refused_by_name(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"reg.mine: must declare which of its values are tried"):
        space("+reg=[mine]", config_dir="options")


def test_an_own_member_without_ranges_is_searched_by_those_of_the_line(own: Path) -> None:
    _, arm = space("+reg=[mine]", "reg.mine.amount=interval(0.1,0.9)", config_dir="options").sides
    assert domains(arm)["reg.mine.amount"] == Interval(0.1, 0.9)


def test_an_own_member_with_ranges_is_searched_and_no_other_file_is_changed(own: Path) -> None:
    declared = 'search: ClassVar[Mapping[str, Domain]] = {"amount": Interval(0.2, 0.8)}'
    own.write_text(OWN.format(search=declared))
    _, arm = space("+reg=[mine]", config_dir="options").sides
    assert domains(arm)["reg.mine.amount"] == Interval(0.2, 0.8)
    assert "reg.mine.amount=0.5" in arm.words(arm.first())
