import pytest

from regbench.schedules import Constant, Cosine, Cyclic, Step


def test_constant_stays():
    assert [Constant()(progress) for progress in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_cosine_without_warmup_falls_from_one_through_a_half_to_zero():
    cosine = Cosine(warmup=0.0)
    assert [cosine(p) for p in (0.0, 1 / 3, 0.5, 2 / 3, 1.0)] == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])


def test_cosine_rises_linearly_and_falls_over_the_rest():
    cosine = Cosine(warmup=0.2)
    assert cosine(0.0) == 0.0
    assert cosine(0.1) == 0.5
    assert cosine(0.2) == 1.0
    assert cosine(0.6) == pytest.approx(0.5)  # half of the remaining 0.8
    assert cosine(1.0) == 0.0


def test_cyclic_falls_as_often_as_there_are_cycles():
    cyclic = Cyclic(cycles=4)
    assert [cyclic(p) for p in (0.0, 0.125, 0.24999, 0.25, 0.375)] == pytest.approx(
        [1, 0.5, 0, 1, 0.5], abs=1e-6
    )
    assert [cyclic(p) for p in (0.75, 0.75 + 1 / 12, 0.99999)] == pytest.approx([1.0, 0.75, 0.0], abs=1e-6)
    assert [Cyclic(1)(p) for p in (0.1, 0.7)] == [Cosine(warmup=0.0)(p) for p in (0.1, 0.7)]


def test_cyclic_refuses_less_than_one_cycle():
    with pytest.raises(ValueError, match=r"^cycles must be at least 1, got 0$"):
        Cyclic(0)


def test_step_multiplies_as_each_milestone_is_reached():
    step = Step(milestones=[0.5, 0.75], gamma=0.1)
    assert [step(p) for p in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_step_without_milestones_stays():
    assert Step(milestones=[], gamma=0.1)(0.9) == 1.0


@pytest.mark.parametrize("warmup", [-0.1, 1.0])
def test_cosine_refuses_a_warmup_outside_its_range(warmup):
    with pytest.raises(ValueError, match=rf"^warmup must lie in \[0, 1\), got {warmup}$"):
        Cosine(warmup)


@pytest.mark.parametrize("milestones", [[0.75, 0.5], [0.5, 0.5], [-0.1], [1.1]])
def test_step_refuses_milestones_that_do_not_rise_within_the_run(milestones):
    with pytest.raises(ValueError, match=r"^milestones must rise within \[0, 1\], got "):
        Step(milestones, 0.1)


@pytest.mark.parametrize("gamma", [0.0, 1.1])
def test_step_refuses_a_factor_outside_its_range(gamma):
    with pytest.raises(ValueError, match=rf"^gamma must lie in \(0, 1\], got {gamma}$"):
        Step([0.5], gamma)
