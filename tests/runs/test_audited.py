"""The audit is of a stack, and made once for all of its seeds."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.runs import audited as module
from regbench.runs.audited import SEED, audited
from regbench.training.audit import audit
from tests.conftest import reg_node, tiny


def stack(*names: str, **values: Any) -> dict[str, Any]:
    return tiny(reg={name: reg_node(name) for name in names})


@pytest.fixture
def audits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seed of each audit that is made."""
    made: list[int] = []

    def counted(make: Any) -> Any:
        made.append(make(None).seed)
        return audit(make)

    module._audited.cache_clear()
    monkeypatch.setattr(module, "audit", counted)
    return made


def test_seeds_share_one_audit_which_is_that_of_a_seed_alone(audits: list[int]) -> None:
    config = stack("dropout", "l2")
    found = [audited({**config, "seed": seed}, 1) for seed in (3, 4, SEED)]
    assert found[0] == found[1] == found[2]
    assert audits == [SEED]
    fixed = {**config, "seed": SEED}
    by_hand = audit(lambda name: build_run(fixed, build_stack(fixed["reg"], seed=SEED).without(name or "")))
    assert [one["facts"] for one in found[0]["findings"]] == [one.facts for one in by_hand.findings]
    assert found[0]["flops_per_example"] == by_hand.flops_per_example


def test_another_value_or_another_number_of_threads_is_audited_by_itself(audits: list[int]) -> None:
    audited(stack("dropout"), 1)
    audited(tiny(reg={"dropout": reg_node("dropout", p=0.125)}), 1)
    audited(stack("dropout"), 2)
    assert len(audits) == 3


def test_a_member_that_learns_is_audited_as_it_has_learned_for_the_seed(audits: list[int]) -> None:
    config = stack("cutout")
    for seed in (3, 4, 3):
        audited({**config, "seed": seed}, 1)
    assert audits == [3, 4]


def test_what_was_found_is_each_run_s_own(audits: list[int]) -> None:
    audited(stack("dropout"), 1)["findings"].clear()
    assert audited(stack("dropout"), 1)["findings"]
