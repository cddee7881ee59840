import pytest
from torch import nn

from regbench.sites import Site, Where, map_sites


def make_model() -> nn.Module:
    shapes = [(2, 8, 8), (4, 4, 4), (4, 4, 4), (8, 2, 2), (8,), (5, 3)]
    return nn.Sequential(Site("input", (1, 8, 8)), *(Site("hidden", shape) for shape in shapes))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("default", ["2", "3", "4"]),
        ("all", ["1", "2", "3", "4"]),
        ("input", ["0"]),
        ("first", ["1"]),
        ("last", ["4"]),
        ([0, -2], ["1", "3"]),
    ],
)
def test_counts_the_sites_with_maps_alone(where: Where, expected: list[str]):
    assert [name for name, _ in map_sites(make_model(), where)] == expected


def test_refuses_a_model_without_maps():
    model = nn.Sequential(Site("input", (4,)), Site("hidden", (4,)))
    with pytest.raises(ValueError, match=r"^Sequential has no 'hidden' site with maps \(C, H, W\)$"):
        map_sites(model, "all")
    with pytest.raises(ValueError, match=r"^Sequential has no 'input' site with maps"):
        map_sites(model, "input")


@pytest.mark.parametrize("where", [[], [4], [0, -5]])
def test_refuses_indices_that_are_not_there(where: list[int]):
    with pytest.raises(ValueError, match=r"^where must list indices .* 0 to 3, got \["):
        map_sites(make_model(), where)


def test_refuses_a_site_that_is_named_twice():
    with pytest.raises(ValueError, match=r"^where must name each site once, got \[0, -4\]$"):
        map_sites(make_model(), [0, -4])
