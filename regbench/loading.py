"""The trained model of a run folder."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from regbench import checkpoint
from regbench.build import build_stack
from regbench.config import read_settings
from regbench.errors import ConfigError
from regbench.models.normalization import Normalization, Normalized
from regbench.network import build_net
from regbench.runs import read_run
from regbench.streams import Clock, kept_draws, seed_draws
from regbench.weights import load_plain_state


def load_model(folder: str | Path, weights: str = "best") -> nn.Module:
    """See `regbench.load`."""
    folder = Path(folder)
    if weights not in ("best", "last"):
        raise ConfigError(f"weights must be best or last, got {weights!r}")
    config, _ = read_run(folder)
    try:
        state, _ = checkpoint.load_newest(folder)
        tensors = state["evaluated"] if weights == "last" else checkpoint.load(folder / checkpoint.BEST)
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}") from error
    seed = read_settings(config)[0].seed
    with kept_draws():  # whoever calls this keeps their own draws
        seed_draws(seed)
        net = build_net(config["model"], state["in_shape"], state["num_classes"], state["vocabulary"])
        normalization: nn.Module = nn.Identity()
        if state["vocabulary"] is None:
            normalization = Normalization(tensors["normalization.mean"], tensors["normalization.std"])
        stack = build_stack(config["reg"], seed=seed).bind(seed, Clock())
        model = stack.prepare_model(Normalized(normalization, net))
    load_plain_state(model, tensors)
    return model.eval()
