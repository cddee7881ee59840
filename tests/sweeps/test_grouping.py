"""Which jobs may be trained together, by hand."""

from __future__ import annotations

import pytest

from regbench.sweeps.grouping import evenly, groups


@pytest.mark.parametrize(
    ("kinds", "most", "expected"),
    [
        ("aaaaaaaaa", 4, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),
        ("abab", 8, [[0, 2], [1, 3]]),
        ("a-a-", 8, [[0, 2], [1], [3]]),
        ("--", 8, [[0], [1]]),
        ("aabb", 1, [[0], [1], [2], [3]]),
        ("", 4, []),
    ],
)
def test_jobs_of_a_kind_are_in_few_even_groups(kinds: str, most: int, expected: list[list[int]]) -> None:
    named = [None if kind == "-" else kind for kind in kinds]
    assert groups(range(len(kinds)), named, [most] * len(kinds)) == expected


def test_each_kind_has_a_limit_of_its_own() -> None:
    assert groups(range(6), list("aaabbb"), [3, 3, 3, 2, 2, 2]) == [[0, 1, 2], [3], [4, 5]]


def test_no_group_has_two_more_than_another() -> None:
    for count in range(1, 30):
        for parts in range(1, count + 1):
            sizes = [len(one) for one in evenly(range(count), parts)]
            assert (sum(sizes), len(sizes)) == (count, parts)
            assert max(sizes) - min(sizes) <= 1
