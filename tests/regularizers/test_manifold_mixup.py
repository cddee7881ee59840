import pytest
import torch
from torch import Tensor, nn

from regbench.regularizers.manifold_mixup import ManifoldMixup, Mix
from regbench.regularizers.mixup import Mixup
from regbench.sites import Site, Where
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(clock: Clock | None = None, **fields: object) -> ManifoldMixup:
    member = ManifoldMixup(**({"alpha": 2.0, "where": "all", "inputs": False} | fields))
    member.stream = Stream(0, "mix", clock or Clock())
    return member


def layers(activation: type[nn.Module] = nn.Identity) -> nn.Module:
    """Three layers with a hidden site after the first two; linear unless told otherwise."""
    torch.manual_seed(0)
    return nn.Sequential(
        Site("input", (4,)),
        nn.Linear(4, 6),
        Site("hidden", (6,), body=activation(), default=False),
        nn.Linear(6, 5),
        Site("hidden", (5,), body=activation()),
        nn.Linear(5, 3),
    ).double()


def batch(rows: int = 12) -> Batch:
    """Rows of noise, whose targets say which row is which."""
    return Batch(torch.randn(rows, 4).double(), torch.eye(rows).double())


class Residual(nn.Module):
    """A hidden site in a branch and one after the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Site("hidden", (4,))
        self.branch = Site("branch", (4,), body=nn.Sequential(nn.Linear(4, 4), Site("hidden", (4,))))
        self.hidden = Site("hidden", (4,))

    def forward(self, inputs: Tensor) -> Tensor:
        stem = self.stem(inputs)
        return self.hidden(stem + self.branch(stem))


def places(model: nn.Module) -> list[str]:
    return [module.place for module in model.modules() if isinstance(module, Mix)]


@pytest.mark.parametrize("where", ["input", [0], [1], "all"])
def test_on_a_linear_network_every_layer_gives_what_mixed_inputs_give(where: Where):
    # and the mixture is what the targets say, so that hook and targets share one permutation and one share
    plain, given = layers(), batch()
    for step in range(4):
        member = make(Clock(step=step), where=where)
        model = member.prepare_model(layers())
        shown = member.transform_batch(given)
        assert not torch.equal(shown.targets, given.targets)
        torch.testing.assert_close(model(shown.inputs), plain(shown.targets @ given.inputs))
        member.end_step(model)


@pytest.mark.parametrize("index", [0, 1])
def test_mixes_the_output_of_the_layer_and_computes_on_with_the_mixture(index: int):
    member, plain, given = make(where=[index]), layers(nn.ReLU), batch()
    model = member.prepare_model(layers(nn.ReLU))
    shown = member.transform_batch(given)
    assert torch.equal(shown.inputs, given.inputs)
    cut = 3 + 2 * index
    expected = plain[cut:](shown.targets @ plain[:cut](given.inputs))
    torch.testing.assert_close(model(shown.inputs), expected)
    assert (model(shown.inputs) - plain(shown.targets @ given.inputs)).abs().max() > 1e-3


def test_at_the_inputs_alone_it_is_mixup():
    member, given = make(where="input"), batch()
    member.prepare_model(layers())
    mixup = Mixup(alpha=2.0, per="batch")
    mixup.stream = Stream(0, "mix", Clock())
    one, other = member.transform_batch(given), mixup.transform_batch(given)
    torch.testing.assert_close(one.inputs, other.inputs)
    torch.testing.assert_close(one.targets, other.targets)
    assert not torch.equal(one.inputs, given.inputs)


def test_draws_every_place_equally_often():
    # 300 draws from three places: 100 each, give or take 5 deviations of 8.2
    clock, counts = Clock(), {"inputs": 0, "2": 0, "4": 0}
    member = make(clock, inputs=True)
    member.prepare_model(layers())
    for clock.step in range(300):
        member.transform_batch(batch(2))
        place = member._mixtures[0].place
        counts["inputs" if place == "the inputs" else place] += 1
    assert all(59 < count < 141 for count in counts.values())


def test_share_has_the_variance_of_the_beta_distribution():
    # 1 / (4 (2 alpha + 1)) = 0.05 at alpha = 2
    clock, shares = Clock(), []
    member = make(clock, where="input")
    member.prepare_model(layers())
    for clock.step in range(400):
        own = member.transform_batch(batch(6)).targets.diagonal()
        shares += own[own < 1][:1].tolist()
    assert torch.tensor(shares).mean().item() == pytest.approx(0.5, abs=0.06)
    assert torch.tensor(shares).var().item() == pytest.approx(0.05, rel=0.25)


def test_each_micro_batch_has_its_own_mixture_and_keeps_it_in_every_pass():
    clock = Clock()
    member, plain, given = make(clock, where=[0]), layers(), batch()
    model, shown = member.prepare_model(layers()), []
    for clock.micro in range(2):
        shown.append(member.transform_batch(given))
    assert not torch.equal(shown[0].targets, shown[1].targets)
    for clock.passes in range(2):
        for clock.micro in range(2):
            mixed = shown[clock.micro].targets @ given.inputs
            torch.testing.assert_close(model(given.inputs), plain(mixed))


def test_mixes_each_view_of_the_batch_in_the_same_way():
    member, plain, given = make(where=[0]), layers(), batch()
    model = member.prepare_model(layers())
    shown = member.transform_batch(given)
    views = torch.cat([given.inputs, 2 * given.inputs])
    expected = plain(torch.cat([shown.targets @ given.inputs, shown.targets @ (2 * given.inputs)]))
    torch.testing.assert_close(model(views), expected)
    with pytest.raises(ValueError, match=r"^rows must be a multiple of the batch's 12, got 13$"):
        model(torch.zeros(13, 4).double())


def test_mixes_neither_in_evaluation_nor_after_the_step():
    member, plain, given = make(where=[0]), layers(), batch()
    model = member.prepare_model(layers())
    member.transform_batch(given)
    torch.testing.assert_close(model.eval()(given.inputs), plain(given.inputs))
    member.end_step(model)
    torch.testing.assert_close(model.train()(given.inputs), plain(given.inputs))


@pytest.mark.parametrize(
    ("where", "expected"),
    [("all", ["stem", "hidden"]), ("default", ["stem", "hidden"]), ("first", ["stem"]), ([-1], ["hidden"])],
)
def test_keeps_out_of_residual_branches(where: Where, expected: list[str]):
    model = Residual()
    make(where=where).prepare_model(model)
    assert places(model) == expected


def test_refuses_a_site_within_a_branch():
    message = r"^where must list hidden sites outside residual branches, \[0, 2\], got \[1\]$"
    with pytest.raises(ValueError, match=message):
        make(where=[1]).prepare_model(Residual())


def test_refuses_a_model_whose_hidden_sites_are_all_within_branches():
    model = nn.Sequential(Site("branch", (4,), body=Site("hidden", (4,))))
    with pytest.raises(
        ValueError, match=r"^the model must have hidden sites outside residual branches, got "
    ):
        make().prepare_model(model)


def test_refuses_a_model_without_hidden_sites_unless_at_the_inputs():
    with pytest.raises(ValueError, match=r"^Linear has no 'hidden' site$"):
        make().prepare_model(nn.Linear(2, 2))
    assert make(where="input").prepare_model(nn.Linear(2, 2)) is not None


def test_given_batch_stays_as_it_is():
    member, given = make(where="input"), batch()
    member.prepare_model(layers())
    before = given.inputs.clone()
    member.transform_batch(given)
    assert torch.equal(given.inputs, before)
    assert torch.equal(given.targets, torch.eye(12).double())


def test_says_where_it_mixes():
    member = make(inputs=True)
    member.prepare_model(layers())
    assert member.note() == "mixes at the inputs, 2, 4"


def test_alpha_zero_changes_neither_model_nor_batch():
    member, model, given = make(alpha=0.0, inputs=True), layers(), batch()
    assert places(member.prepare_model(model)) == []
    assert member.transform_batch(given) is given


def test_refuses_token_ids_only_where_they_would_be_mixed():
    ids = Split(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 1]), 2)
    make(inputs=False).check_data(ids)
    for fields in ({"inputs": True}, {"where": "input"}):
        with pytest.raises(ValueError, match=r"^inputs must be false for .* got torch\.int64$"):
            make(**fields).check_data(ids)


def test_refuses_a_negative_alpha():
    with pytest.raises(ValueError, match=r"^alpha must be at least 0, got -0\.1$"):
        make(alpha=-0.1)
