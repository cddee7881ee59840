"""Every member of the package, in a stack or with a reason why it cannot be in one."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.assembly.run import build_run
from regbench.training.replicas.proof import unstackable
from tests.conftest import all_regs, reg_node
from tests.sampling import some_of
from tests.training.replicas.side_by_side import assert_as_alone, configs

# Where each can act; all others do in an MLP on images.
MODELS = {
    **dict.fromkeys(["dropblock", "shake_drop", "shake_shake", "spatial_dropout", "swa"], "resnet"),
    "weight_standardization": "resnet",
    **dict.fromkeys(["attention_dropout", "stochastic_depth"], "transformer"),
    **dict.fromkeys(["embedding_dropout", "variational_dropout", "word_dropout", "zoneout"], "text"),
}
CHANGED: dict[str, dict[str, Any]] = {
    "stochastic_depth": {"mode": "row"},
    "gan_augmentation": {"epochs": 1, "width": 4},  # of its generator's learning
    "dropblock": {"p": 0.2},  # at its default an activation of this small net is 0 but for rounding
}

# What is inherent: in a step each run would do something of another shape, or of another kind.
APART = {
    **dict.fromkeys(["adversarial", "virtual_adversarial"], "it takes a gradient of its own in each step"),
    "sam": "it asks for the gradient at two places",
    "manifold_mixup": "each run mixes at another place of the model",
    **dict.fromkeys(["early_learning", "temporal_ensembling"], "it keeps what a pass has predicted"),
    **dict.fromkeys(["augmix", "pixmix"], "each run has other numbers of rows for an operation"),
    **dict.fromkeys(
        ["feature_space", "gan_augmentation", "smart_augmentation"], "each run makes other numbers of rows"
    ),
    **dict.fromkeys(
        ["embedding_dropout", "variational_dropout", "word_dropout", "zoneout"],
        "each run's batch of sentences has another length",
    ),
}


def made(name: str) -> list[dict[str, Any]]:
    node = reg_node(name, **CHANGED.get(name, {}))
    return configs(lambda _: {name: node}, MODELS.get(name, "mlp"), count=2)


@pytest.mark.parametrize("name", [name for name in all_regs() if name not in APART])
def test_a_member_does_in_a_stack_what_it_does_alone(name: str) -> None:
    runs = [build_run(config, learn=False) for config in made(name)]  # as a sweep tries them
    assert unstackable(runs) == ""
    assert_as_alone(made(name))


@pytest.mark.parametrize("name", sorted(APART))
def test_a_member_that_cannot_be_stacked_says_so_in_a_sentence(name: str) -> None:
    said = unstackable(list(map(build_run, made(name))))
    assert said.startswith("replicas: these runs cannot be trained at once, for ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "key", "values"),
    some_of(
        [
            ("activity", "strength", (0.1, 0.2)),
            ("adaptive_dropout", "share", (0.3, 0.6)),
            ("alpha_dropout", "p", (0.05, 0.2)),
            ("batch_norm", "enabled", (True, True)),
            ("confidence_penalty", "strength", (0.1, 0.2)),
            ("curriculum_dropout", "p", (0.3, 0.6)),
            ("cutmix", "alpha", (0.5, 1.0)),
            ("elastic_net", "strength_l1", (0.001, 0.002)),
            ("ema", "decay", (0.9, 0.99)),
            ("fmix", "alpha", (0.5, 1.0)),
            ("gaussian_dropout", "p", (0.1, 0.3)),
            ("gradient_clipping", "limit", (0.01, 0.1)),
            ("gradient_noise", "eta", (0.01, 0.02)),
            ("jacobian", "strength", (0.01, 0.1)),
            ("grid_mask", "ratio", (0.4, 0.6)),
            ("hide_and_seek", "p", (0.2, 0.5)),
            ("input_noise", "sigma", (0.1, 0.3)),
            ("kingma_dropout", "strength", (0.1, 0.3)),
            ("l1", "strength", (0.001, 0.002)),
            ("l2_sp", "strength", (0.001, 0.002)),
            ("lookahead", "alpha", (0.3, 0.5)),
            ("max_norm", "c", (0.2, 0.4)),
            ("orthogonal", "strength", (0.001, 0.01)),
            ("rotation", "degrees", (5.0, 15.0)),
            ("saliency_mix", "p", (0.3, 0.6)),
            ("sample_pairing", "p", (0.3, 0.6)),
            ("spectral_norm", "bound", (1.0, 2.0)),
            ("swap_noise", "p", (0.1, 0.2)),
            ("weight_noise", "std", (0.01, 0.1)),
        ],
        every=3,
    ),
)
def test_a_number_of_a_member_may_differ(name: str, key: str, values: tuple[Any, Any]) -> None:
    assert key in reg_node(name)
    assert_as_alone(configs(lambda seed: {name: reg_node(name, **{key: values[seed]})}, count=2))


@pytest.mark.parametrize("name", ["r_drop", "consistency"])
def test_noise_that_a_batch_shares_is_drawn_anew_in_a_further_pass(name: str) -> None:
    noise = reg_node("weight_noise", std=0.1, per="batch")
    assert_as_alone(configs(lambda _: {"weight_noise": noise, name: reg_node(name)}, count=2))
