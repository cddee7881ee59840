import pytest
import torch
from torch import Tensor, nn

from regbench.nn.gan import NOISE, Discriminator, Duel, Generator, settle


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 1, 1), (2, 5, 7), (3, 30, 9)])
def test_images_have_their_shape_and_lie_in_the_unit_interval(shape: tuple[int, int, int]):
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 2])
    made = Generator(shape, 3, 2)(100 * drawn(3, NOISE), labels)
    assert made.shape == (3, *shape)
    assert made.min() >= 0
    assert made.max() <= 1
    assert Discriminator(shape, 3, 2)(made, labels).shape == (3,)


def test_parameters_are_those_of_the_description():
    # 8 x 8: an embedding 10 * 16; 116 inputs to 8 maps of 2 x 2; 8 to 4 and 4 to 1 channels by 4 x 4, a bias;
    # scales and shifts of 8 and 4 channels
    generator = Generator((1, 8, 8), 10, 4)
    assert sum(p.numel() for p in generator.parameters()) == 160 + 116 * 32 + 8 * 4 * 16 + 4 * 16 + 1 + 24
    # 1 to 4 and 4 to 8 channels by 4 x 4 with biases; 32 features to one logit, and a row for each class
    discriminator = Discriminator((1, 8, 8), 10, 4)
    assert sum(p.numel() for p in discriminator.parameters()) == 64 + 4 + 512 + 8 + 33 + 320
    assert not norms(discriminator)


def test_a_logit_is_the_plain_one_plus_the_row_of_the_class_times_the_features():
    torch.manual_seed(0)
    discriminator, images = Discriminator((1, 4, 4), 3, 2), drawn(2, 1, 4, 4).sigmoid()
    plain = discriminator(images, torch.tensor([0, 1]))
    features = discriminator.features(2 * images - 1)
    torch.testing.assert_close(plain, features @ discriminator.real.weight[0] + discriminator.real.bias)
    with torch.no_grad():
        discriminator.of_class.weight[1] = 3.0
    found = discriminator(images, torch.tensor([0, 1])) - plain
    torch.testing.assert_close(found, torch.stack([torch.zeros(()), 3 * features[1].sum()]))


def test_both_losses_start_where_a_discriminator_knows_nothing():
    """At D = 1/2 the generator's is log 2, and the discriminator's, over real and made ones, twice that."""
    torch.manual_seed(0)
    discriminator = Discriminator((1, 4, 4), 2, 2)
    nn.init.zeros_(discriminator.real.weight)
    nn.init.zeros_(discriminator.real.bias)
    duel = Duel(Generator((1, 4, 4), 2, 2), discriminator, lr=1e-12)
    labels = torch.tensor([0, 1, 1])
    losses = duel.play(drawn(3, 1, 4, 4).sigmoid(), labels, drawn(3, NOISE), labels)
    torch.testing.assert_close(torch.stack(losses), torch.tensor([0.693147, 1.386294]))


def test_each_network_takes_one_step_at_its_own_rate():
    """Adam's first step is its learning rate, wherever a gradient is not tiny."""
    torch.manual_seed(0)
    generator, discriminator = Generator((1, 4, 4), 2, 4), Discriminator((1, 4, 4), 2, 4)
    before = [[p.detach().clone() for p in net.parameters()] for net in (generator, discriminator)]
    labels = torch.tensor([0, 1]).repeat(4)
    Duel(generator, discriminator, 0.01).play(
        drawn(8, 1, 4, 4).sigmoid(), labels, drawn(8, NOISE, seed=1), labels
    )
    for net, old, rate in zip((generator, discriminator), before, (0.01, 0.04), strict=True):
        moved = [(new - was).abs().max().item() for new, was in zip(net.parameters(), old, strict=True)]
        assert moved == pytest.approx([rate] * len(moved), rel=0.02)
        assert all(parameter.requires_grad for parameter in net.parameters())


def test_the_steps_go_the_right_way():
    """After one step the same images look more real (generator) or are told apart better (discriminator)."""
    torch.manual_seed(0)
    generator, discriminator = Generator((1, 4, 4), 2, 4), Discriminator((1, 4, 4), 2, 4)
    real, labels = torch.full((8, 1, 4, 4), 0.9), torch.tensor([0, 1]).repeat(4)
    noise = drawn(8, NOISE)
    first = Duel(generator, discriminator, 1e-3)
    made = generator(noise, labels).detach()
    apart = discriminator(real, labels).mean() - discriminator(made, labels).mean()
    first.play(real, labels, noise, labels)
    assert discriminator(real, labels).mean() - discriminator(made, labels).mean() > apart
    better = generator(noise, labels).detach()
    assert discriminator(better, labels).mean() > discriminator(made, labels).mean()


def test_settled_statistics_are_those_of_the_last_batch_and_evaluation_repeats_it():
    torch.manual_seed(0)
    generator = Generator((1, 8, 8), 2, 4)
    noise, labels = drawn(64, NOISE), torch.tensor([0, 1]).repeat(32)
    trained = generator(noise, labels).detach()
    generator(5 * drawn(64, NOISE, seed=1), labels)
    settle(generator, noise, labels)
    assert not generator.training
    # a variance is divided by n - 1 in the running statistics and by n in training: 1 in 256 at 2 x 2 pixels
    torch.testing.assert_close(generator(noise, labels), trained, atol=0.01, rtol=0)
    maps = generator.dense(torch.cat([noise, generator.embed(labels)], 1)).view(64, 8, 4)
    torch.testing.assert_close(norms(generator)[0].running_mean, maps.detach().mean((0, 2)))
