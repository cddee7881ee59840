"""What test has to say beside val: never more than its own verdict."""

from __future__ import annotations

import pytest

from regbench.analysis.final import Compared, FinalReport, Reading
from regbench.analysis.searching import Setting
from regbench.reports.final_text import said

BETTER, WORSE, OPEN, SAME = "better", "worse", "not resolved", "no difference that matters"
WINS = "the winner stays mixup: it was confirmed on val, and test chooses nothing"
LOSES = "the tuned baseline stays what to use, as mixup was not confirmed on val, and test chooses nothing"


def compared(split: str, metric: str, word: str, mean: float) -> Compared:
    return Compared(f"{split}/{metric}", [mean], mean, None, None, None, word)


@pytest.mark.parametrize(
    ("val", "test", "mean", "so"),
    [
        (BETTER, BETTER, 0.1, f"test says the same, and {WINS}"),
        (BETTER, WORSE, -0.1, f"test says the opposite, and yet {WINS}; report both"),
        (BETTER, SAME, 0.001, f"test finds no difference that matters, and yet {WINS}; report both"),
        (BETTER, SAME, -0.001, f"test finds no difference that matters, and yet {WINS}; report both"),
        (BETTER, OPEN, 0.1, f"test points the same way without resolving it; {WINS}"),
        (BETTER, OPEN, -0.0001, f"test points the other way without resolving it; {WINS}"),
        (BETTER, OPEN, 0.0, f"test resolves nothing, its mean difference is 0; {WINS}"),
        (OPEN, BETTER, 0.1, f"test says something else than val, and yet {LOSES}; report both"),
        (WORSE, BETTER, 0.1, f"test says something else than val, and yet {LOSES}; report both"),
        (OPEN, OPEN, 0.1, LOSES),
        (OPEN, OPEN, -0.1, LOSES),
        (SAME, OPEN, -0.1, LOSES),
        (SAME, SAME, -0.1, LOSES),
        (OPEN, WORSE, -0.1, f"test finds that mixup is worse; {LOSES}"),
        (OPEN, SAME, 0.1, f"test finds no difference that matters; {LOSES}"),
    ],
)
@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("loss", -1)])  # of a loss less is better
def test_what_follows_is_by_the_verdicts_and_the_sign_alone_is_called_unresolved(
    metric: str, sign: int, val: str, test: str, mean: float, so: str
) -> None:
    winner = Setting("mixup", 1, "mixup", [])
    report = FinalReport(
        "0", "one", "last", winner, winner, [Reading(1, 0.0, 0.0, 0.0, 0.0, (1, 1))],
        compared("val", metric, val, 0.05 * sign), compared("test", metric, test, mean * sign),
    )  # fmt: skip
    assert said(report)[1] == so
