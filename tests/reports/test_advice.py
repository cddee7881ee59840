"""What an advice says: its facts, on the page and in the terminal."""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict, replace

import pytest

from regbench.analysis.advising import (
    AblationFound,
    Advice,
    Part,
    Plan,
    Raced,
    RaceFound,
    SearchFound,
    as_json,
)
from regbench.analysis.racing import Place
from regbench.analysis.searching import Outcome
from regbench.reports.advice_text import part_table, race_table, show, show_plan, stage_table
from regbench.reports.advice_words import answers, headline, of_ablation
from regbench.reports.page.advice import page
from regbench.studies.advising.ablating import part_of
from regbench.studies.advising.larger import larger_of
from regbench.terminal.screen import Terminal
from tests.reports.advices import ADVICE, FOUND, PLAN

NOTHING = replace(
    ADVICE,
    search=replace(
        FOUND,
        outcome=Outcome.NOTHING,
        word="not resolved",
        said="Nothing was found that survives: x.",
        mean=0.001,
    ),
    ablation=None,
)


def text_of(found: str) -> str:
    body = re.sub(r"<(script|style).*?</\1>", "", found, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_what_to_switch_on_by_how_much_how_sure_and_at_what_cost() -> None:
    assert headline(ADVICE) == "Switch on dropout + mixup."
    said = " ".join(answers(ADVICE))
    assert "+1.23 points [+0.56, +1.89] of val accuracy" in said
    assert "12 fresh seeds, p 0.0043" in said
    assert "1.25 times" in said
    assert "Val accuracy (%): with it 84.23 ± 0.31, the tuned baseline 83.00 ± 0.40" in said
    assert "reg.dropout.p=0.25, train.lr=0.08" in said
    assert "Runs of the search have 10 epochs and not 20" in said


def test_nothing_is_said_as_plainly_with_the_rate_of_the_baseline() -> None:
    expected = (
        "Nothing was found that survives: use the tuned baseline, reg.l2.strength=0.0002, train.lr=0.05."
    )
    assert headline(NOTHING) == expected
    assert NOTHING.side is FOUND.baseline
    assert "Switch on" not in text_of(page(NOTHING))
    assert "How to use the tuned baseline" in text_of(page(NOTHING))
    assert "How to use it" in text_of(page(ADVICE))
    assert "the time kept for it was not used" in text_of(page(NOTHING))


def test_no_interval_is_vouched_for_where_there_is_none() -> None:
    few = replace(FOUND, outcome=Outcome.OPEN, low=None, high=None, seeds=[100, 101, 102, 103], p=0.16)
    said = text_of(page(replace(ADVICE, search=few, use=None)))
    assert "4 fresh seeds, p 0.16, of so few none but the whole line is an interval that holds." in said
    assert "the interval holds" not in said


def test_without_a_verdict_nothing_is_recommended() -> None:
    one = replace(ADVICE, search=replace(FOUND, outcome=Outcome.OPEN, winner=None, baseline=None), use=None)
    assert headline(one) == "There is no verdict yet."
    assert "How to use" not in text_of(page(one))


def test_what_is_not_resolved_is_never_called_no_loss() -> None:
    said = " ".join(of_ablation(ADVICE))
    assert "To keep, as it adds to the rest: dropout." in said
    assert "It can be left out at no loss that matters: mixup." in said
    parts = [
        Part("dropout", 3, 0.0, None, None, 1.0, "not resolved"),
        Part("mixup", 9, -0.01, None, None, 0.01, "worse"),
    ]
    found = replace(ADVICE, plan=replace(PLAN, margin=None), ablation=AblationFound(parts, FOUND.stage))
    said = " ".join(of_ablation(found))
    assert "at no loss that matters:" not in said
    assert "Not resolved, which is not the same as no loss: dropout; --margin says" in said
    assert "To leave out, as the stack is better without it: mixup." in said


def test_members_that_were_taken_out_one_at_a_time_are_not_said_to_go_together() -> None:
    def said(word: str) -> str:
        parts = [Part(name, 9, 0.0, -0.001, 0.001, 0.5, word) for name in ("dropout", "mixup")]
        return of_ablation(replace(ADVICE, ablation=AblationFound(parts, FOUND.stage)))[0]

    assert said("no difference that matters") == (
        "Each of them alone, the others kept, can be left out at no loss that matters: dropout, mixup."
    )
    assert said("worse") == "To leave out, as the stack is better without each of them alone: dropout, mixup."


def test_a_run_that_diverged_without_a_member_is_told_of_that_stack() -> None:
    entry = Place("without dropout", 4, None, "diverged with seed 103")
    part = part_of("dropout", entry)
    assert part.word == "without it a run diverged with seed 103"
    assert of_ablation(replace(ADVICE, ablation=AblationFound([part], FOUND.stage)))[0] == (
        "Not known of dropout: without it a run diverged with seed 103."
    )


def test_of_a_loss_less_is_better_and_nobody_is_helped_by_a_negative_number() -> None:
    found = replace(FOUND, mean=-1.2, low=-1.9, high=-0.5)
    of_loss = replace(ADVICE, plan=replace(PLAN, metric="val/loss"), search=found)
    assert answers(of_loss)[0].startswith("It changes val")
    assert ", of which less is better" in answers(of_loss)[0]
    assert part_table(of_loss).headings[2].startswith("difference")
    assert part_table(ADVICE).headings[2] == "adds (points)"


def test_what_was_not_confirmed_is_named_by_what_it_costs() -> None:
    open_ = replace(ADVICE, search=replace(FOUND, outcome=Outcome.OPEN))
    assert "dropout+mixup costs 1.25 times the training time of the tuned baseline." in answers(open_)
    assert "It costs 1.25 times the training time of the tuned baseline." in answers(ADVICE)


def test_a_larger_budget_is_named_only_where_it_is_larger_and_buys_something() -> None:
    def said(seeds: int, budget: float) -> str:
        rows = [Raced("dropout", seeds, 0.01, None, None, 0.5, "not resolved")]
        plan = replace(PLAN, budget=budget, epochs=20, race_epochs=20)
        return " ".join(larger_of(replace(ADVICE, plan=plan, race=replace(ADVICE.race, rows=rows))))

    assert "in the race" in said(3, 600.0)
    assert "in the race" not in said(40, 600.0)
    assert "in the race" not in said(3, 5 * 3600.0)  # it had more, and spent it otherwise


def test_every_technique_of_the_race_and_every_stage_has_a_row() -> None:
    rows = race_table(ADVICE).rows
    assert [(row[0], row[2], row[5], row[6]) for row in rows] == [
        ("dropout", "+1.00", "not resolved", "yes"),
        ("mixup", "+0.40", "not resolved", "yes"),
        ("sam", "-2.00", "worse", "no: it takes <too> long"),
    ]
    # 60 + 1100 + 1700 + 300 = 3160 s
    assert stage_table(ADVICE).rows[-1][:3] == ["all", "52 min 40 s", "1 h 0 min"]


@pytest.mark.parametrize("advice", [ADVICE, NOTHING], ids=["survives", "nothing"])
def test_the_page_and_the_terminal_have_all_facts(advice: Advice, capsys: pytest.CaptureFixture[str]) -> None:
    found = text_of(page(advice))
    show(Terminal(), advice)
    printed = capsys.readouterr().out
    assert advice.use is not None
    facts = [headline(advice), advice.use.command, "MLP has no 'branch' site", "sam", "52 min", advice.typed]
    facts = facts if advice is ADVICE else [*facts[:4], advice.typed]
    for fact in facts:
        assert fact in found
        assert fact in " ".join(printed.split())
    assert "<too>" not in page(advice)  # escaped


def test_a_plan_is_shown_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(Terminal(), PLAN)
    said = capsys.readouterr().out
    assert "3 techniques can act on mlp and fashion_mnist, 1 left out" in said
    assert "about 4 seeds of each with 5 epochs, judged by select accuracy" in said
    assert re.search(r"sam +7\.5 s", said)  # 30 s have 20 epochs


def test_what_is_written_is_read_back() -> None:
    kept = json.loads(json.dumps(as_json(ADVICE)))
    assert Plan.read(kept["plan"]) == PLAN
    assert RaceFound.read(kept["race"]) == ADVICE.race
    assert SearchFound.read(kept["search"]) == FOUND
    assert AblationFound.read(kept["ablation"]) == ADVICE.ablation
    assert kept["format"] == 1
    assert asdict(ADVICE)["test"] == []
