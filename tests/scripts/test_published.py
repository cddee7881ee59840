"""Published effects: files that say what is claimed, and claims that runs answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import effects
import pages
from regbench.composition.compose import compose_jobs, read_line
from regbench.records.reader import Found, Result
from tests.records.made import figures, result

ROOT = Path(__file__).parents[2]
Script = Callable[[str], ModuleType]
BASE = [0.90, 0.91, 0.89, 0.92, 0.90, 0.91, 0.88, 0.90]


def runs(stack: Any, step: float, **changes: Any) -> list[Result]:
    return [result(stack, seed, [figures(value + step)], **changes) for seed, value in enumerate(BASE)]


@pytest.fixture
def judged(script: Script) -> Callable[..., dict[str, str]]:
    """What some runs say of a claim."""

    def of(claim: str, *several: list[Result]) -> dict[str, str]:
        found = Found([one for runs_of_one in several for one in runs_of_one])
        answer: dict[str, str] = script("published").judged(effects.claim(claim), found)
        return answer

    return of


@pytest.mark.parametrize("name", effects.names())
def test_a_file_says_what_is_claimed_and_how_it_is_run(name: str) -> None:
    one = effects.effect(name)
    assert {"paper", "figures", "here"} <= {*one.said}
    assert one.runs
    assert one.claims
    stacks, folders = set(), set()
    for text in one.runs:
        command, *words = shlex.split(text)
        assert (command, words[:3]) == ("regbench", ["train", "-m", f"+experiment=published/{name}"])
        for job in compose_jobs(read_line(words[1:])):
            stacks.add("+".join(job.config["reg"]) or "baseline")
            folders.add(job.config["sweep"])
            assert job.config["checkpoints"] in ("none", "last")
    assert folders == {f"published_{name}"}
    claimed = {arm for claim in one.claims for arm in (claim.arm, claim.other) if arm}
    assert {arm.split(" ")[0] for arm in claimed} <= stacks
    for value in (value for arm in claimed for value in arm.split(" ")[1:]):
        key, _, given = value.partition("=")
        assert re.search(rf"\.{key.split('.')[-1]}=(\S+,)?{re.escape(given)}(,|\s|$)", "\n".join(one.runs))


def test_the_claims_of_a_file_are_read_in_all_forms() -> None:
    assert effects.claim("dropout+max_norm c=1 > l2") == effects.Claim(
        "dropout+max_norm c=1 > l2", "dropout+max_norm c=1", ">", "l2"
    )
    said = effects.claim("l1 mode=prox = l1 mode=subgradient within 0.02 on val/loss where train.lr=0.1")
    assert (said.arm, said.sign, said.other, said.margin) == (
        "l1 mode=prox",
        "=",
        "l1 mode=subgradient",
        0.02,
    )
    assert (said.metric, said.where) == ("val/loss", ("train.lr", "0.1"))
    said = effects.claim("val/accuracy of baseline < 0.15 where dataset.label_noise=0.9")
    assert (said.metric, said.arm, said.sign, said.bound) == ("val/accuracy", "baseline", "<", 0.15)
    assert said.where == ("dataset.label_noise", "0.9")


@pytest.mark.parametrize("text", ["dropout", "a < b", "a = b", "a > b within 0.1", "> b", ""])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a claim must be"):
        effects.claim(text)


@pytest.mark.parametrize(
    ("step", "claim", "outcome"),
    [
        (0.02, "dropout > baseline", "found again"),
        (-0.02, "dropout > baseline", "the opposite"),
        (0.0, "dropout > baseline", "not resolved"),
        (0.001, "dropout = baseline within 0.005", "found again"),  # though it is sure to be better
        (0.02, "dropout = baseline within 0.005", "the opposite"),
        (-0.02, "baseline > dropout", "found again"),
    ],
)
def test_a_pair_is_judged_as_compare_judges_it(
    judged: Callable[..., dict[str, str]], step: float, claim: str, outcome: str
) -> None:
    said = judged(claim, runs([], 0), runs(["dropout"], step))
    assert (said["claim"], said["outcome"]) == (claim, outcome)
    assert re.match(r"val accuracy [+-]?\d+\.\d\d points \[", said["said"])


def test_a_difference_that_is_sure_to_be_small_is_none_that_matters(
    judged: Callable[..., dict[str, str]],
) -> None:
    nearly = [
        result(["dropout"], seed, [figures(value + 0.001 * (-1) ** seed)]) for seed, value in enumerate(BASE)
    ]
    assert judged("dropout = baseline within 0.005", runs([], 0), nearly)["outcome"] == "found again"
    assert judged("dropout = baseline within 0.0005", runs([], 0), nearly)["outcome"] == "not resolved"


def test_a_level_is_judged_by_its_interval(judged: Callable[..., dict[str, str]]) -> None:
    # the mean of the eight is 0.90125, its standard error 0.012464 / sqrt(8) = 0.0044068; t is 2.364624
    assert (
        judged("val/accuracy of baseline > 0.89", runs([], 0))["said"]
        == "val accuracy 90.13 % [89.08, 91.17]"
    )
    for text, outcome in [
        ("val/accuracy of baseline > 0.89", "found again"),
        ("val/accuracy of baseline > 0.90", "not resolved"),
        ("val/accuracy of baseline > 0.92", "the opposite"),
        ("val/accuracy of baseline < 0.92", "found again"),
    ]:
        assert judged(text, runs([], 0))["outcome"] == outcome


def test_a_claim_of_one_condition_is_judged_there(judged: Callable[..., dict[str, str]]) -> None:
    noisy = {"config": {"dataset": {"label_noise": 0.9}}}
    several = [runs([], 0), runs(["l2"], 0.03), runs([], 0, **noisy), runs(["l2"], -0.03, **noisy)]
    assert judged("l2 > baseline where dataset.label_noise=0", *several)["outcome"] == "found again"
    assert judged("l2 > baseline where dataset.label_noise=0.9", *several)["outcome"] == "the opposite"
    with pytest.raises(ValueError, match="must be of one comparison, got 2"):
        judged("l2 > baseline", *several)
    with pytest.raises(ValueError, match="must be of one comparison, got 0"):
        judged("l2 > baseline where dataset.label_noise=0.5", *several)


def test_an_arm_that_is_not_there_is_named(judged: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="no arm is called mixup; there are baseline, l2"):
        judged("mixup > baseline", runs([], 0), runs(["l2"], 0))


def test_what_was_found_takes_the_place_of_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "FOLDER", tmp_path)
    top = "# @package _global_\n# A title\n#\n# paper: P\n# figures: F\n# here: H\n# run: r\n# claim: a > b\n"
    (tmp_path / "some.yaml").write_text(f"{top}# ours: old\n# verdict: old\nthreads: 1 # so\n")
    new = effects.headed("some", {"ours": ["x", "y"], "cost": ["z"]})
    assert new == f"{top}# ours: x\n# ours: y\n# cost: z\nthreads: 1 # so\n"
    (tmp_path / "some.yaml").write_text(f"{top}# hours: 3\n")
    with pytest.raises(ValueError, match=r"some\.yaml: a line must be `# KEY: TEXT`.*got # hours: 3"):
        effects.effect("some")


def test_the_page_and_the_heads_are_what_the_script_writes(script: Script) -> None:
    made = script("published")
    kept = made.kept_figures()
    assert (ROOT / "docs" / "published.md").read_text() == made.page(kept)
    for name in effects.names():
        found = made.head(*reversed(kept[name])) if name in kept else {"ours": ["not run"]}
        assert (effects.FOLDER / f"{name}.yaml").read_text() == effects.headed(name, found)


def test_every_effect_that_two_cores_do_was_run(script: Script) -> None:
    ready = {name for name in effects.names() if not effects.effect(name).needs}
    kept = script("published").kept_figures()
    assert ready <= {*kept} <= {*effects.names()}
    assert {path.stem for path in (pages.FIGURES / "published").iterdir()} == {*kept}


def test_what_was_kept_is_of_the_file_as_it_is(script: Script) -> None:
    for name, (_, kept) in script("published").kept_figures().items():
        one = effects.effect(name)
        assert (kept["runs_by"], kept["here"]) == (one.runs, one.said["here"])
        assert [claim["claim"] for claim in kept["claims"]] == [claim.text for claim in one.claims]


def test_what_was_not_run_says_so(script: Script) -> None:
    one = next(one for one in map(effects.effect, effects.names()) if one.needs)
    assert f"**Not run**: it needs {one.needs}." in script("published").page({})
