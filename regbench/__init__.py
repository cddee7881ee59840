"""regbench: which regularizer helps my model on my data, how much, is it real, and what does it cost?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

    from regbench.library.applied import Applied
    from regbench.library.catalogue import dataset, normalized
    from regbench.library.gap import Gap, gap
    from regbench.library.order import BatchSampler
    from regbench.library.probing import audit
    from regbench.library.stack import Stack, stack
    from regbench.training.audit import Audit

__version__ = "0.1.0"
__all__ = [
    "Applied",
    "Audit",
    "BatchSampler",
    "Gap",
    "Stack",
    "audit",
    "dataset",
    "gap",
    "load",
    "normalized",
    "stack",
]

_WHERE = {  # imported when they are first asked for, as torch takes seconds to import
    "Applied": "library.applied",
    "Audit": "training.audit",
    "BatchSampler": "library.order",
    "Gap": "library.gap",
    "Stack": "library.stack",
    "audit": "library.probing",
    "dataset": "library.catalogue",
    "gap": "library.gap",
    "normalized": "library.catalogue",
    "stack": "library.stack",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])


def load(folder: str, weights: Literal["best", "last"] = "best", trust: bool = False) -> "nn.Module":
    """Return the trained model of a run folder, in evaluation mode, on the CPU.

    It takes images in [0, 1] (its first module is the normalization) and returns logits (B, C). After text
    it takes a list of sentences, or token ids (B, T). `classes` has the names of the C classes, in order.
    Where numbers are predicted it returns these, (B, K), in the unit of their targets; `numbers` then has
    their names, unit, mean and standard deviation, and is None of classes.
    "best" are the weights of the best epoch by the select split; "last" those that the run ended with
    (which are the ones a member kept, where early stopping or an average did so).

    What the run's configuration names is imported and called: classes of models and regularizers, and your
    own code below the current folder. With `trust` so is code in the folder that the run was trained in,
    and functions: read a folder of somebody else's first (`regbench docs trust`).

    Raises:
        ValueError: the folder is no run folder, holds no such weights, or names what may not be called.
    """
    from regbench.composition.trust import Trust
    from regbench.runs.load import load_model  # `import regbench` must not wait for torch

    return load_model(folder, weights, Trust(trust, "pass trust=True to regbench.load"), in_units=True)
