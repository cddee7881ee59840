"""Early-learning regularization: two rows over two epochs by hand, the paper's gradient, what is kept."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.early_learning import EarlyLearning
from regbench.streams import Clock, Stream
from regbench.strengths import Steps
from regbench.training.loop import EpochEnd, Run, batch_order, fit
from regbench.types import Batch, ForwardPass
from tests.conftest import reg_node, tiny

MODEL = nn.Linear(1, 1)


def made(strength: float = 2.0, decay: float = 0.5, rows: int = 2) -> EarlyLearning:
    member = EarlyLearning(strength, decay)
    member.stream, member.train_rows = Stream(0, "early_learning", Clock()), rows
    return member


def forward(logits: Tensor, rows: list[int] | None) -> ForwardPass:
    numbers = None if rows is None else torch.tensor(rows)
    return ForwardPass(
        MODEL, Batch(torch.zeros(len(logits), 1), torch.zeros_like(logits), numbers), logits, ()
    )


def shown(member: EarlyLearning, p: list[list[float]], rows: list[int]) -> float:
    """The penalty of a step that predicts these probabilities."""
    value = member.penalty(forward(torch.tensor(p).log(), rows))
    member.end_step(MODEL)
    return value.item()


def test_two_rows_over_two_epochs_by_hand():
    member = made()
    # t is (.375, .125) and (.1, .4), so p t is .3125 and .34; the mean is times 2
    assert shown(member, [[0.75, 0.25], [0.2, 0.8]], [0, 1]) == pytest.approx(
        math.log(0.6875) + math.log(0.66)
    )
    # in another order: t of row 1 is (.5, .25), of row 0 (.4375, .3125); p t is .475 and .375
    assert shown(member, [[0.9, 0.1], [0.5, 0.5]], [1, 0]) == pytest.approx(math.log(0.525) + math.log(0.625))
    torch.testing.assert_close(member.state_dict()["averages"], torch.tensor([[0.4375, 0.3125], [0.5, 0.25]]))


def test_the_gradient_is_the_papers_lemma():
    """Of the mean of CE + lambda log(1 - p t) in the logits: (p - y + lambda g) / n, g_c as in lemma 2."""
    rng = np.random.default_rng(0)
    before, z = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    y, strength, decay = np.eye(4)[[0, 3, 1]], 1.7, 0.6
    member = made(strength, decay, rows=3)
    shown(member, _softmax(before).tolist(), [0, 1, 2])
    logits = torch.tensor(z, dtype=torch.float32, requires_grad=True)
    data = nn.functional.cross_entropy(logits, torch.tensor(y, dtype=torch.float32))
    (data + member.penalty(forward(logits, [0, 1, 2]))).backward()
    p = _softmax(z)
    t = decay * (1 - decay) * _softmax(before) + (1 - decay) * p
    g = np.zeros_like(p)
    for i in range(3):
        for c in range(4):
            g[i, c] = p[i, c] / (1 - p[i] @ t[i]) * sum((t[i, k] - t[i, c]) * p[i, k] for k in range(4))
    np.testing.assert_allclose(logits.grad.numpy(), (p - y + strength * g) / 3, atol=1e-6)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z)
    return e / e.sum(1, keepdims=True)


def test_gives_gradient_to_a_true_label_that_is_learned_and_takes_it_from_a_false_one():
    for label, grows in ((0, True), (1, False)):
        member = made(strength=1.0, decay=0.9, rows=1)
        for _ in range(60):
            shown(member, [[0.95, 0.05]], [0])
        logits = torch.tensor([[math.log(19.0), 0.0]], requires_grad=True)
        nn.functional.cross_entropy(logits, torch.tensor([label])).backward()
        alone = logits.grad.abs().max().item()
        member.penalty(forward(logits, [0])).backward()
        assert (logits.grad.abs().max().item() > alone) == grows


def test_a_row_of_certainty_stays_finite():
    member = made(strength=1.0, decay=0.0, rows=1)
    logits = torch.tensor([[60.0, -60.0]], requires_grad=True)
    value = member.penalty(forward(logits, [0]))
    value.backward()
    assert value.item() == pytest.approx(math.log(1e-4))
    assert logits.grad.isfinite().all()


def test_what_is_no_row_of_train_adds_nothing_and_leaves_no_trace():
    member = made()
    assert shown(member, [[0.75, 0.25], [0.2, 0.8]], [1, -1]) == pytest.approx(math.log(0.6875))
    torch.testing.assert_close(member.state_dict()["averages"], torch.tensor([[0.0, 0.0], [0.375, 0.125]]))
    assert shown(member, [[0.75, 0.25], [0.2, 0.8]], [-1, -1]) == 0


def test_of_views_of_a_row_the_first_moves_the_target_of_all():
    member = made()
    first, second = math.log(1 - 0.3125), math.log(1 - (0.2 * 0.375 + 0.8 * 0.125))
    assert shown(member, [[0.75, 0.25], [0.2, 0.8]], [0, 0]) == pytest.approx(first + second)
    torch.testing.assert_close(member.state_dict()["averages"][0], torch.tensor([0.375, 0.125]))


def test_a_further_pass_has_the_targets_of_the_first():
    member = made()
    first = forward(torch.tensor([[0.75, 0.25], [0.2, 0.8]]).log(), [0, 1])
    again = forward(torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log(), [0, 1])
    member.penalty(first)
    assert member.penalty(again).item() == pytest.approx(2 * math.log(1 - 0.25))  # t sums to 1/2 in both
    member.end_step(MODEL)
    torch.testing.assert_close(member.state_dict()["averages"], torch.tensor([[0.375, 0.125], [0.1, 0.4]]))


def test_a_run_keeps_of_every_row_what_a_loop_by_hand_finds():
    run = build_run(tiny(reg={"early_learning": reg_node("early_learning")}, epochs=3, accumulate=3))
    (member,) = run.reg.members.values()
    expected = by_hand(run, decay=0.7)
    found = member.state_dict()["averages"]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert found.sum(1).allclose(torch.tensor(1 - 0.7**3))  # each row was shown three times


def by_hand(run: Run, decay: float) -> np.ndarray:
    """Train, and average what the model returned for each row in training, by the order of rows alone."""
    seen: list[np.ndarray] = []

    def keep(module: nn.Module, inputs: object, outputs: Tensor) -> None:
        if module.training:
            seen.append(_softmax(outputs.detach().double().numpy()))

    handle = run.model.register_forward_hook(keep)
    rows = torch.cat([torch.cat(batch_order(run, epoch)) for epoch in range(run.epochs)])
    assert sum(isinstance(event, EpochEnd) for event in fit(run)) == run.epochs
    handle.remove()
    averages = np.zeros((len(run.data.train), run.data.num_classes))
    for row, p in zip(rows.tolist(), np.concatenate(seen), strict=True):
        averages[row] = decay * averages[row] + (1 - decay) * p
    return averages


def test_targets_move_where_a_schedule_of_the_strength_is_at_0():
    member = made(strength=3.0, decay=0.7)
    member.schedules = {"strength": Steps([0.0, 3.0, 0.0], [0.4, 0.8])}
    values = []
    for progress in (0.0, 0.5, 1.0):
        member.follow(progress)
        values.append(member.penalty(forward(torch.tensor([[0.5, 0.5]]), [0])))
        member.end_step(MODEL)
    assert values[::2] == [None, None]
    assert values[1].item() == pytest.approx(
        3 * math.log(1 - (1 - 0.7**2) / 2)
    )  # t sums to 1 - 0.7^2, p is 1/2
    assert member.state_dict()["averages"][0].sum().item() == pytest.approx(1 - 0.7**3)


@pytest.mark.parametrize(("late", "acts"), [(3.0, True), (0.0, False)])
def test_a_run_whose_strength_begins_late_has_the_targets_of_all_its_epochs(late: float, acts: bool):
    steps = {"_target_": "regbench.strengths.Steps", "values": [0.0, late], "at": [0.6]}
    run, plain = (
        build_run(tiny(reg=reg, epochs=3))
        for reg in ({"early_learning": reg_node("early_learning", strength=steps)}, {})
    )
    for each in (run, plain):
        assert sum(isinstance(event, EpochEnd) for event in fit(each)) == 3
    (member,) = run.reg.members.values()
    assert not acts or member.state_dict()["averages"].sum(1).allclose(torch.tensor(1 - 0.7**3))
    pairs = zip(run.model.parameters(), plain.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs) != acts


def test_goes_on_from_its_state_to_the_bit_and_takes_none_of_other_rows():
    member, again = made(), made()
    shown(member, [[0.75, 0.25], [0.2, 0.8]], [0, 1])
    again.load_state_dict(member.state_dict())
    values = [shown(one, [[0.9, 0.1], [0.5, 0.5]], [1, 0]) for one in (member, again)]
    assert values[0] == values[1]
    assert made().state_dict() == {}
    again.load_state_dict({})
    assert again.state_dict() == {}
    with pytest.raises(ValueError, match=r"^state must be of 3 train rows, got one of 2$"):
        made(rows=3).load_state_dict(member.state_dict())


def test_says_how_much_it_keeps():
    member = made()
    assert member.note() == ""
    shown(member, [[0.75, 0.25]], [0])
    assert member.note() == "keeps 2 x 2 numbers, 1.6e-05 MB, also in each checkpoint"


def test_does_nothing_without_a_strength():
    member = made(0.0)
    assert member.penalty(forward(torch.zeros(1, 2), [0])) is None
    member.end_step(MODEL)
    assert member.state_dict() == {}


def test_refuses_what_is_out_of_range():
    for values, said in (
        ({"strength": -1}, "strength must be at least 0, got -1"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0"),
        ({"decay": -0.1}, r"decay must lie in \[0, 1\), got -0.1"),
    ):
        with pytest.raises(ValueError, match=f"^{said}$"):
            made(**values)
