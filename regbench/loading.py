"""The trained model of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from regbench import checkpoint
from regbench.build import build_stack
from regbench.config import read_settings
from regbench.data.tokens import Tokenizer
from regbench.errors import ConfigError
from regbench.foreign import refusing
from regbench.models.normalization import Normalization, Normalized
from regbench.network import build_net
from regbench.runs import distrust_of, read_run
from regbench.streams import Clock, kept_draws, seed_draws
from regbench.trust import UNTRUSTED, Trust, require_trusted
from regbench.weights import load_plain_state


def load_model(folder: str | Path, weights: str = "best", trust: Trust = UNTRUSTED) -> nn.Module:
    """See `regbench.load`."""
    folder = Path(folder)
    if weights not in ("best", "last"):
        raise ConfigError(f"weights must be best or last, got {weights!r}")
    config, _ = read_run(folder, trust=trust)
    require_trusted(config, distrust_of(folder, trust))
    try:
        state, _ = checkpoint.load_newest(folder)
        tensors = state["evaluated"] if weights == "last" else checkpoint.load(folder / checkpoint.BEST)
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}") from error
    seed = read_settings(config)[0].seed
    with refusing(f"{folder}: "), kept_draws():  # whoever calls this keeps their own draws
        seed_draws(seed)
        net = build_net(config["model"], state["in_shape"], state["num_classes"], state["vocabulary"])
        normalization: nn.Module = nn.Identity()
        if state["vocabulary"] is None:
            normalization = Normalization(tensors["normalization.mean"], tensors["normalization.std"])
        stack = build_stack(config["reg"], seed=seed).bind(seed, Clock())
        model: Any = stack.prepare_model(Normalized(normalization, net))
        load_plain_state(model, tensors)
    model.classes = tuple(state.get("classes") or map(str, range(state["num_classes"])))
    if state["vocabulary"] is not None:
        tokens = state.get("tokens")
        model.register_forward_pre_hook(TakesSentences(Tokenizer(**tokens) if tokens else None))
    return model.eval()


class TakesSentences:
    """Before a forward pass: a list of sentences becomes token ids; token ids stay as they are.

    Args:
        tokenizer: of the run; None where its checkpoint has kept no words.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.tokenizer = tokenizer

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the pass.

        Raises:
            ValueError: they are neither, or the words are not known.
        """
        if isinstance(inputs[0], Tensor):
            return inputs
        if self.tokenizer is None:
            raise ValueError("inputs must be token ids, for the run has kept no words of its vocabulary")
        device = next(model.parameters()).device
        return (self.tokenizer(inputs[0]).to(device), *inputs[1:])
