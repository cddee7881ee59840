"""What a word lists or ranges over."""

from __future__ import annotations

import pytest

from regbench.composition.composer import Composer
from regbench.composition.hydra_words import ranged


@pytest.mark.parametrize(
    ("word", "texts"),
    [
        (
            "train.lr=shuffle(0.4,0.1,0.3,0.2,0.5,0.6,0.8,0.7)",
            ["0.4", "0.1", "0.3", "0.2", "0.5", "0.6", "0.8", "0.7"],
        ),
        ("seed=shuffle(range(8))", [*"01234567"]),
        ("seed=sort(3,1,2)", [*"123"]),
    ],
)
def test_the_order_of_shuffled_values_is_that_of_the_line_each_time(word: str, texts: list[str]) -> None:
    (one,) = Composer(None).words.read([word])
    assert [list(ranged(one).texts) for _ in range(3)] == [texts] * 3
    assert [str(value) for value in ranged(one).listed] == texts
