import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.smart_augmentation import Classes, SmartAugmentation, classes_of, gram
from regbench.streams import Clock, Stream
from regbench.training.loop import train_step
from regbench.types import Batch, ForwardPass, Split
from tests.conftest import reg_node, tiny

FIELDS = {
    "variant": "smart",
    "p": 1.0,
    "k": 2,
    "alpha": 0.3,
    "beta": 0.7,
    "aug_loss": "content",
    "width": 4,
    "lr": 1e-3,
    "critic": False,
}
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])


class Numbered(nn.Module):
    """Returns the first image, times a weight of one, and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, stacked: Tensor) -> Tensor:
        self.shown = stacked
        return self.weight * stacked[:, :1]


def split(rows: int = 8) -> Split:
    """Images whose pixels all say which row they are, from 0 to 0.99; the classes alternate irregularly."""
    pixels = torch.arange(rows, dtype=torch.float64) / 100
    return Split(pixels.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone(), LABELS.repeat(rows // 8), 2)


def noise(rows: int = 8, channels: int = 1) -> Split:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(rows, channels, 4, 4, generator=generator, dtype=torch.float64)
    return Split(images, LABELS.repeat(rows // 8), 2)


def make(clock: Clock | None = None, seed: int = 0, **fields: object) -> SmartAugmentation:
    member = SmartAugmentation(**(FIELDS | fields))
    member.stream = Stream(seed, "smart", clock or Clock())
    return member


def prepared(train: Split, clock: Clock | None = None, seed: int = 0, **fields: object) -> SmartAugmentation:
    member = make(clock, seed, **fields)
    member.check_data(train)
    member.prepare_data(train)
    return member


def classifier() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def passed(member: SmartAugmentation, model: nn.Module, batch: Batch) -> Tensor:
    """The objective of one forward pass, as training computes it."""
    forward = ForwardPass(model, batch, model(batch.inputs), [])
    loss, penalty = member.data_loss(forward), member.penalty(forward)
    assert loss is not None
    return loss if penalty is None else loss + penalty


def weights_of(member: SmartAugmentation) -> list[Tensor]:
    return [weight.detach().clone() for weight in member._learners["augmenter"].net.parameters()]


def descend(member: SmartAugmentation) -> None:
    """Let every network of the member step by its plain gradient, so that a step shows it."""
    for learner in member._learners.values():
        learner.optimizer = torch.optim.SGD(learner.net.parameters(), lr=1.0)


def learned(member: SmartAugmentation, model: nn.Module) -> list[Tensor]:
    """The gradient by which the augmenter steps at the end of a step."""
    before = weights_of(member)
    member.end_step(model)
    return [old - new for old, new in zip(before, weights_of(member), strict=True)]


# --- what is drawn and shown


def test_puts_an_image_for_every_row_below_the_batch():
    train = noise()
    batch = train[torch.tensor([4, 0, 2])]
    shown = prepared(train).transform_batch(batch)
    assert shown.inputs.shape == (6, 1, 4, 4)
    assert torch.equal(shown.inputs[:3], batch.inputs)
    assert torch.equal(shown.targets, batch.targets.repeat(2, 1))
    assert shown.inputs[3:].min() >= 0
    assert shown.inputs[3:].max() <= 1
    assert len(batch) == 3


@pytest.mark.parametrize("k", [2, 3])
def test_merges_different_train_rows_of_the_class_and_compares_with_one_more(k: int):
    train = split()
    member, net = prepared(train, k=k), Numbered()
    member._learners["augmenter"].net = net
    for _ in range(20):
        shown = member.transform_batch(train[:])
        merged = (100 * net.shown[:, :, 0, 0]).round().long()
        assert merged.shape == (8, k)
        other = (100 * member._made[0].other[:, :, 0, 0]).round().long()
        rows = torch.cat([merged, other], 1)
        assert torch.equal(LABELS[rows], LABELS[:, None].expand(8, k + 1))
        assert all(len(set(row)) == k + 1 for row in rows.tolist())
        assert torch.equal(shown.inputs[8:], net.shown[:, :1])


def test_draws_every_order_of_the_rows_of_a_class_equally_often():
    # class 1 has rows 1, 2, 4: six ordered pairs, each met by one cell of a grid of draws
    classes = Classes(Split(torch.zeros(5, 1), torch.tensor([0, 1, 1, 0, 1]), 2))
    draws = torch.cartesian_prod(torch.tensor([1 / 6, 3 / 6, 5 / 6]), torch.tensor([1 / 4, 3 / 4]))
    pairs = classes.rows(torch.ones(6, dtype=torch.int64), draws)
    assert sorted(map(tuple, pairs.tolist())) == [(1, 2), (1, 4), (2, 1), (2, 4), (4, 1), (4, 2)]


def test_largest_draw_is_the_last_row_of_a_large_class():
    count = 6000
    classes = Classes(Split(torch.zeros(count, 1), torch.zeros(count, dtype=torch.int64), 1))
    largest = torch.full((1, 1), 1 - 2.0**-24)
    assert classes.rows(torch.zeros(1, dtype=torch.int64), largest).item() == count - 1


def test_makes_images_for_a_share_p_of_the_rows():
    # 300 of 1000, give or take 5 deviations
    train = split()
    batch = train[torch.arange(1000) % 8]
    shown = prepared(train, p=0.3).transform_batch(batch)
    assert abs(len(shown) - 1300) < 5 * (1000 * 0.3 * 0.7) ** 0.5
    assert torch.equal(shown.targets[:1000], batch.targets)


def test_an_image_keeps_the_target_of_its_row_and_the_class_of_it():
    train = split()
    member, net = prepared(train, p=0.5), Numbered()
    member._learners["augmenter"].net = net
    smooth = Batch(train[:].inputs, 0.8 * train[:].targets + 0.1)
    shown = member.transform_batch(smooth)
    assert 8 < len(shown) < 16
    labels = LABELS[(100 * net.shown[:, 0, 0, 0]).round().long()]
    expected = 0.8 * F.one_hot(labels, 2) + 0.1
    torch.testing.assert_close(shown.targets[8:], expected.to(shown.targets))


def test_draws_by_its_stream_alone():
    train, model, state = noise(), classifier(), torch.get_rng_state()
    one = prepared(train, critic=True)
    first = one.transform_batch(train[:])
    passed(one, model, first).backward()
    one.end_step(model)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)  # what others draw in between
    same, other = (prepared(train, seed=seed, critic=True) for seed in (0, 1))
    assert torch.equal(first.inputs, same.transform_batch(train[:]).inputs)
    assert not torch.equal(first.inputs, other.transform_batch(train[:]).inputs)


# --- the objective


def by_hand(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    return -(targets * model(images).log_softmax(1)).sum(1).mean()


def test_smart_loss_is_the_weighted_sum_of_two_cross_entropies_and_the_squared_error():
    train, model = noise(), classifier()
    member = prepared(train, p=0.5, alpha=0.4, beta=0.3)
    shown = member.transform_batch(train[:])
    rows = len(shown) - 8
    assert 0 < rows < 8
    forward = ForwardPass(model, shown, model(shown.inputs), [])
    real = by_hand(model, shown.inputs[:8], shown.targets[:8])
    made = by_hand(model, shown.inputs[8:], shown.targets[8:])
    torch.testing.assert_close(member.data_loss(forward), 0.3 * (real + made))
    error = ((shown.inputs[8:] - member._made[0].other) ** 2).sum() / (rows * 16)
    torch.testing.assert_close(member.penalty(forward), 0.4 * error)


@pytest.mark.parametrize("aug_loss", ["none", "content", "style"])
def test_neural_loss_is_one_cross_entropy_and_the_loss_of_the_images(aug_loss: str):
    train, model = noise(channels=3), nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).double()
    member = prepared(train, variant="neural", p=0.5, alpha=0.4, beta=0.3, aug_loss=aug_loss)
    shown = member.transform_batch(train[:])
    assert 8 < len(shown) < 16
    forward = ForwardPass(model, shown, model(shown.inputs), [])
    torch.testing.assert_close(
        member.data_loss(forward), 0.3 * by_hand(model, shown.inputs, shown.targets.double())
    )
    made, second = shown.inputs[8:], member._made[0].sources[:, 1]
    if aug_loss == "content":
        expected = ((made - second) ** 2).mean((1, 2, 3)).mean()
    elif aug_loss == "style":
        grams = [torch.einsum("bchw,bdhw->bcd", x, x) / 16 for x in (made, second)]
        expected = ((grams[0] - grams[1]) ** 2).sum() / (9 * len(made))
    else:
        expected = made.new_zeros(())
    torch.testing.assert_close(member.penalty(forward), 0.4 * expected)


def test_gram_matrix_of_two_channels_by_hand():
    # over two places: (1, 3) and (2, 0)
    image = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])
    assert torch.equal(gram(image), torch.tensor([[[5.0, 1.0], [1.0, 2.0]]]))


def test_returning_the_first_input_is_training_that_sees_each_image_twice():
    # the rows of a class are copies of one image, so the first input is the row's own image
    images = torch.rand(2, 1, 4, 4, dtype=torch.float64)[LABELS]
    train, model = Split(images, LABELS, 2), classifier()
    member = prepared(train, alpha=0.0, beta=1.0)
    member._learners["augmenter"].net = Numbered()
    passed(member, model, member.transform_batch(train[:])).backward()
    found = [weight.grad.clone() for weight in model.parameters()]
    twice = 2 * by_hand(model, images, train[:].targets)
    expected = torch.autograd.grad(twice, list(model.parameters()))
    torch.testing.assert_close(found, list(expected))


def test_a_batch_with_no_image_made_is_still_weighed_by_beta():
    train, model = noise(), classifier()
    member = prepared(train, p=1e-6, beta=0.3)
    batch = train[:]
    assert member.transform_batch(batch) is batch
    forward = ForwardPass(model, batch, model(batch.inputs), [])
    torch.testing.assert_close(member.data_loss(forward), 0.3 * by_hand(model, batch.inputs, batch.targets))
    assert member.penalty(forward) is None


# --- how the augmenter learns


@pytest.mark.parametrize("critic", [False, True])
def test_augmenter_learns_by_the_gradient_of_the_objective_through_the_model(critic: bool):
    train, model = noise(), classifier()
    member = prepared(train, critic=critic)
    descend(member)
    shown = member.transform_batch(train[:])
    passed(member, model, shown).backward()
    made, net = member._made[0], member._learners["augmenter"].net
    images = net(made.sources[:, :2].flatten(1, 2))  # one graph from end to end
    whole = 0.7 * by_hand(model, images, shown.targets[8:]) + 0.3 * ((images - made.other) ** 2).mean()
    if critic:
        whole = whole + 0.3 * (1 + (-member._learners["critic"].net(images)).exp()).log().mean()
    expected = torch.autograd.grad(whole, list(net.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in expected)
    torch.testing.assert_close(learned(member, model), list(expected))


def test_cross_entropy_alone_moves_the_augmenter_and_not_when_cut_off():
    train, model = noise(), classifier()
    moved = []
    for cut in (False, True):
        member = prepared(train, alpha=0.0)
        descend(member)
        shown = member.transform_batch(train[:])
        inputs = shown.inputs.detach() if cut else shown.inputs
        passed(member, model, Batch(inputs, shown.targets)).backward()
        moved.append(max(change.abs().max().item() for change in learned(member, model)))
    assert moved[0] > 0
    assert moved[1] == 0


def test_the_last_of_several_passes_over_a_batch_counts():
    train, model = noise(), classifier()
    found = []
    for passes in (1, 2):
        member = prepared(train)
        descend(member)
        shown = member.transform_batch(train[:])
        for _ in range(passes):
            passed(member, model, shown).backward()
        found.append(learned(member, model))
    torch.testing.assert_close(found[0], found[1])


def test_micro_batches_add_up_to_one_step():
    train, model, clock = noise(), classifier(), Clock()
    member = prepared(train, clock)
    descend(member)
    expected, shown = [], []
    for clock.micro in range(2):
        shown.append(member.transform_batch(train[slice(4 * clock.micro, 4 * clock.micro + 4)]))
        made, net = member._made[clock.micro], member._learners["augmenter"].net
        images = net(made.sources[:, :2].flatten(1, 2))
        expected.append(
            0.7 * by_hand(model, images, shown[-1].targets[4:]) + 0.3 * F.mse_loss(images, made.other)
        )
    for clock.micro in range(2):
        (0.5 * passed(member, model, shown[clock.micro])).backward()
    gradients = torch.autograd.grad(sum(expected) / 2, list(net.parameters()))
    torch.testing.assert_close(learned(member, model), list(gradients))


def test_a_step_forgets_its_images():
    train, model = noise(), classifier()
    member = prepared(train)
    passed(member, model, member.transform_batch(train[:])).backward()
    member.end_step(model)
    assert member._made == {}
    before = weights_of(member)
    member.end_step(model)
    assert all(map(torch.equal, before, weights_of(member)))


def test_without_beta_it_learns_the_mean_image_of_each_class():
    # two classes of noise around 0.3 and 0.7; what is merged tells nothing of x_r but its class
    generator = torch.Generator().manual_seed(2)
    labels = torch.arange(2).repeat(150)
    images = (0.3 + 0.4 * labels)[:, None, None, None] + 0.4 * (
        torch.rand(300, 1, 2, 2, generator=generator) - 0.5
    )
    train, clock, model = Split(images, labels, 2), Clock(), nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    member = prepared(train, clock, beta=0.0, alpha=1.0, lr=0.02, width=8)
    for clock.step in range(120):
        rows = torch.arange(24) + 24 * (clock.step % 10)
        passed(member, model, member.transform_batch(train[rows])).backward()
        member.end_step(model)
    made = member.transform_batch(train[:]).inputs[300:].detach()
    for label in (0, 1):
        of_class = made[labels == label]
        assert images[labels == label].std(0).min() > 0.1  # 0.4 / sqrt(12)
        assert of_class.std(0).max() < 0.04
        assert (of_class.mean(0) - images[labels == label].mean(0)).abs().max() < 0.08
    assert all(weight.grad is None or weight.grad.abs().max() == 0 for weight in model.parameters())


def test_critic_learns_to_tell_the_made_images_by_its_own_loss():
    train, model = noise(), classifier()
    member = prepared(train, critic=True)
    descend(member)
    passed(member, model, member.transform_batch(train[:])).backward()
    net, made = member._learners["critic"].net, member._made[0]
    real, fake = net(made.other).sigmoid(), net(made.images.detach()).sigmoid()
    loss = -real.log().mean() - (1 - fake).log().mean()
    expected = torch.autograd.grad(loss, list(net.parameters()))
    before = [weight.detach().clone() for weight in net.parameters()]
    member.end_step(model)
    found = [old - new.detach() for old, new in zip(before, net.parameters(), strict=True)]
    torch.testing.assert_close(found, list(expected))


# --- within a run


def test_networks_are_no_part_of_the_model():
    node = {"smart": reg_node("smart_augmentation", width=4, critic=True)}
    run, bare = build_run(tiny(reg=node)), build_run(tiny())
    assert train_step(run, run.data.train[:32])["smart"] > 0
    assert run.model.state_dict().keys() == bare.model.state_dict().keys()
    assert run.reg.eval_model(run.model) is run.model
    assert run.reg.final_model(run.model) is run.model
    inside = {id(weight) for weight in run.model.parameters()}
    stepped = {id(weight) for group in run.optimizer.param_groups for weight in group["params"]}
    assert stepped == inside
    member = run.reg.members["smart"]
    for learner in member._learners.values():
        assert not inside & {id(weight) for weight in learner.net.parameters()}


@pytest.mark.parametrize("ascent", ["data", "objective"])
def test_both_passes_of_sam_leave_one_step_of_the_augmenter(ascent: str):
    node = {"sam": reg_node("sam", ascent=ascent), "smart": reg_node("smart_augmentation", width=4)}
    run = build_run(tiny(reg=node, accumulate=2))
    train_step(run, run.data.train[:32])
    optimizer = run.reg.members["smart"]._learners["augmenter"].optimizer
    assert {state["step"].item() for state in optimizer.state.values()} == {1.0}


def test_continues_from_its_state_to_the_bit():
    train, model, clock = noise(), classifier(), Clock()

    def step(member: SmartAugmentation) -> Tensor:
        shown = member.transform_batch(train[:])
        passed(member, model, shown).backward()
        member.end_step(model)
        return shown.inputs.detach()

    first, second, fresh = (prepared(train, clock, critic=True) for _ in range(3))
    step(first)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for clock.step in (1, 2):
        assert torch.equal(step(first), step(second))
    for name, learner in first._learners.items():
        other = second._learners[name].net
        assert all(map(torch.equal, learner.net.parameters(), other.parameters()))
    clock.step = 3
    assert not torch.equal(step(first), step(fresh))


def test_share_zero_makes_nothing():
    train = noise()
    member, batch = prepared(train, p=0.0), train[:]
    assert member.transform_batch(batch) is batch
    forward = ForwardPass(nn.Identity(), batch, batch.targets, [])
    assert member.data_loss(forward) is None
    assert member.penalty(forward) is None
    assert member.state_dict() == {}
    assert member.note() == ""


def test_says_which_number_multiplies_what():
    assert make().note() == (
        "alpha 0.3 on the MSE to another image, beta 0.7 on the sum of two cross-entropies"
    )
    assert make(variant="neural", aug_loss="style", critic=True).note() == (
        "alpha 0.3 on the augmentation loss (style) and the critic's loss, "
        "beta 0.7 on one cross-entropy over all rows"
    )


# --- what it refuses


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1\.5"),
        ({"k": 1}, "k must be at least 2, got 1"),
        ({"k": 3, "variant": "neural"}, "k must be 2 in the neural variant, got 3"),
        ({"alpha": -0.1}, r"alpha must be at least 0, got -0\.1"),
        ({"beta": -0.1}, r"beta must be at least 0, got -0\.1"),
        ({"alpha": 0.0, "beta": 0.0}, "alpha or beta must be above 0, got 0 for both"),
        ({"alpha": 0.0, "critic": True}, "alpha must be above 0 with a critic, whose weight it is, got 0"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"lr": 0.0}, r"lr must be above 0, got 0\.0"),
    ],
)
def test_refuses_fields_out_of_range(fields: dict[str, object], message: str):
    with pytest.raises(ValueError, match=rf"^{message}$"):
        make(**fields)


def test_refuses_what_is_no_image():
    rows = Split(torch.rand(8, 5), LABELS, 2)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\), got \(8, 5\)$"):
        make().check_data(rows)
    make(p=0.0).check_data(rows)


def test_refuses_a_class_with_too_few_rows():
    # class 1 has rows 1, 2 and 4 of the first five
    train = split().subset(slice(0, 5))
    make().check_data(train.subset(torch.tensor([0, 1, 2, 3, 4, 0])))
    message = r"^every class must have at least k \+ 1 = 3 train rows, got 2 of class 0$"
    with pytest.raises(ValueError, match=message):
        make().check_data(train)


@pytest.mark.parametrize(
    ("row", "shares"),
    [
        ([0.7, 0.3, 0.0], "0.7, 0.3"),
        ([0.5, 0.5, 0.0], "0.5, 0.5"),
        ([1 / 3, 1 / 3, 1 / 3], "0.3333, 0.3333"),
        ([0.5, 0.5], "0.5, 0.5"),
    ],
)
def test_refuses_mixed_targets(row: list[float], shares: str):
    targets = torch.tensor([[1.0, *[0.0] * (len(row) - 1)], row])
    message = rf"^smart_augmentation must come before the members that mix targets, got {shares}$"
    with pytest.raises(ValueError, match=message):
        classes_of(targets)


def test_takes_the_class_of_smoothed_labels():
    targets = torch.tensor([[0.2, 0.6, 0.2], [0.34, 0.33, 0.33], [0.0, 0.0, 1.0]])
    assert classes_of(targets).tolist() == [1, 0, 2]


def test_refuses_a_later_change_of_the_number_of_rows():
    train, model = noise(), classifier()
    member = prepared(train)
    shown = member.transform_batch(train[:])
    more = Batch(shown.inputs.repeat(3, 1, 1, 1), shown.targets.repeat(3, 1))
    message = (
        "^smart_augmentation must come after the members that change the number of rows, but 16 became 48$"
    )
    with pytest.raises(ValueError, match=message):
        passed(member, model, more)
