import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from regbench.nn.autoencoder import CHUNK, Autoencoder, AutoencoderRecipe, encoded, squared_errors


def recipe(**values: object) -> AutoencoderRecipe:
    return AutoencoderRecipe(**({"width": 8, "latent": 3, "epochs": 1, "lr": 0.01, "batch_size": 4} | values))


def digits(rows: int) -> Tensor:
    return torch.tensor(load_digits().images[:rows], dtype=torch.float32)[:, None] / 16


def made(shape: tuple[int, ...], **values: object) -> Autoencoder:
    torch.manual_seed(0)
    return recipe(**values).make(shape)


def test_codes_and_images_are_two_layers_each_worked_out_by_hand():
    network, images = made((2, 3, 4)), torch.rand(5, 2, 3, 4)
    w = {name: value.numpy(force=True) for name, value in network.state_dict().items()}
    hidden = np.maximum(images.flatten(1).numpy() @ w["encode.1.weight"].T + w["encode.1.bias"], 0)
    codes = hidden @ w["encode.3.weight"].T + w["encode.3.bias"]
    back = np.maximum(codes @ w["decode.0.weight"].T + w["decode.0.bias"], 0)
    pixels = 1 / (1 + np.exp(-(back @ w["decode.2.weight"].T + w["decode.2.bias"])))
    assert codes.shape == (5, 3)
    torch.testing.assert_close(network.encode(images), torch.tensor(codes))
    torch.testing.assert_close(network(images), torch.tensor(pixels).view(5, 2, 3, 4))


def test_decoded_images_lie_in_zero_to_one_however_far_the_codes():
    images = made((1, 4, 4)).decode(1e4 * torch.randn(50, 3))
    assert images.min() >= 0
    assert images.max() <= 1


def test_every_row_is_seen_once_an_epoch_in_batches_of_the_size():
    seen: list[Tensor] = []
    images = torch.rand(10, 1, 2, 2)
    torch.manual_seed(3)
    recipe(epochs=2).fit(made((1, 2, 2)), lambda rows: seen.append(rows) or images[rows], 10)
    assert [len(rows) for rows in seen] == [4, 4, 2, 4, 4, 2]
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(10))
    assert not torch.equal(first, second)


def test_the_first_step_of_adam_is_its_rate_against_the_sign_of_the_gradient():
    network, images = made((1, 2, 2)), torch.rand(4, 1, 2, 2)
    before = [parameter.clone() for parameter in network.parameters()]
    loss = ((network(images) - images) ** 2).sum() / 16
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    recipe(lr=0.02).fit(network, lambda rows: images[rows], 4)
    for new, old, gradient in zip(network.parameters(), before, gradients, strict=True):
        clear = gradient.abs() > 1e-4  # beside which Adam's 1e-8 is nothing
        torch.testing.assert_close((new - old)[clear], -0.02 * gradient[clear].sign(), rtol=1e-3, atol=0)


def test_learning_the_digits_leaves_a_third_of_the_error_of_their_mean_image():
    images = digits(300)
    network = made((1, 8, 8), width=64, latent=16, epochs=30, lr=0.003, batch_size=32)
    untaught, spread = squared_errors(network, lambda rows: images[rows], 300)
    recipe(epochs=30, lr=0.003, batch_size=32).fit(network, lambda rows: images[rows], 300)
    error, _ = squared_errors(network, lambda rows: images[rows], 300)
    assert error < spread / 3 < spread < untaught


def test_errors_are_those_of_numpy_over_all_rows():
    images, network = digits(50), made((1, 8, 8))
    error, spread = squared_errors(network, lambda rows: images[rows], 50)
    pixels, back = images.double().numpy(), network(images).detach().double().numpy()
    assert error == pytest.approx(((pixels - back) ** 2).mean(), rel=1e-5)
    assert spread == pytest.approx(((pixels - pixels.mean(0)) ** 2).mean(), rel=1e-6)


def test_codes_come_in_the_order_of_the_rows_and_in_more_than_one_chunk():
    network, images = made((1, 1, 2)), torch.rand(CHUNK + 5, 1, 1, 2)
    codes = encoded(network, lambda rows: images[rows], len(images))
    assert not codes.requires_grad
    torch.testing.assert_close(codes, network.encode(images).detach())
    assert squared_errors(network, lambda rows: images[rows], len(images))[0] == pytest.approx(
        (network(images) - images).square().mean().item(), rel=1e-4
    )
