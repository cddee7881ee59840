import copy

import torch
from torch import nn

from regbench.nn.augmenter import Learner, augmenter, critic


def test_augmenter_has_five_convolutions_of_three_by_three():
    convolutions = [layer for layer in augmenter(2, 3, 16) if isinstance(layer, nn.Conv2d)]
    sizes = [(layer.in_channels, layer.out_channels, layer.kernel_size) for layer in convolutions]
    assert sizes == [(6, 16, (3, 3)), *[(16, 16, (3, 3))] * 3, (16, 3, (3, 3))]


def test_augmenter_keeps_the_size_and_stays_in_the_range_of_pixels():
    images = augmenter(3, 1, 4)(100 * torch.randn(5, 3, 7, 6))
    assert images.shape == (5, 1, 7, 6)
    assert images.min() >= 0
    assert images.max() <= 1


def test_critic_judges_each_fourth_place():
    assert critic(3, 4)(torch.rand(5, 3, 8, 6)).shape == (5, 1, 2, 2)


def test_critic_can_tell_black_from_white():
    torch.manual_seed(0)
    learner, black, white = Learner(critic(1, 4), 0.01), torch.zeros(4, 1, 4, 4), torch.ones(4, 1, 4, 4)
    for _ in range(30):
        learner.step([(learner.net(black) - learner.net(white)).clamp(-4, 4).mean()])
    assert learner.net(white).mean() > learner.net(black).mean() + 3


def linear() -> Learner:
    """A network y = w x with w = 2."""
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 2.0)
    return Learner(net, 0.1)


def test_first_step_of_adam_is_lr_against_the_sign_of_the_gradient():
    # d/dw of 3 * w * 1 + (-5) * w * 1 is -2, so w rises by lr
    learner = linear()
    outputs = [learner.net(torch.ones(1, 1)) for _ in range(2)]
    learner.step(outputs, [torch.full((1, 1), 3.0), torch.full((1, 1), -5.0)])
    assert learner.net.weight.grad.item() == -2
    torch.testing.assert_close(learner.net.weight.item(), 2.1)


def test_forgets_the_gradient_of_the_step_before():
    learner = linear()
    for factor in (7.0, -2.0):
        learner.step([factor * learner.net(torch.ones(1, 1)).sum()])
    assert learner.net.weight.grad.item() == -2


def test_takes_up_weights_and_moments():
    first, second = linear(), linear()
    first.step([first.net(torch.ones(1, 1)).sum()])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for learner in (first, second):
        learner.step([-0.5 * learner.net(torch.ones(1, 1)).sum()])
    assert torch.equal(first.net.weight, second.net.weight)
    fresh = linear()
    fresh.net.load_state_dict(first.net.state_dict())
    assert len(fresh.optimizer.state) == 0
