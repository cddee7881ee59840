"""How far predicted numbers are from the true ones, in the unit of the targets."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.evaluation.calibration import mean
from regbench.tasks import Regression


def errors(outputs: Tensor, labels: Tensor, task: Regression) -> dict[str, Tensor]:
    """R2, RMSE and MAE, scalars, of outputs and labels (N, K), both standardized, in double precision.

    With e = (output - label) * std, of each of K targets:
    r2 = 1 - (sum of e^2) / (sum of squared deviations of the targets from their mean over these rows), the
    mean over targets; a target that is constant over these rows counts 1 where all e are 0 and else 0, as
    scikit-learn's r2_score has it.
    rmse = sqrt(mean of e^2), and mae = mean of |e|, over rows and targets.
    """
    std = torch.tensor(task.std, dtype=torch.float64, device=labels.device)
    truth = labels.double() * std
    apart = outputs.double() * std - truth
    squares, spread = apart.square().sum(0), (truth - truth.mean(0)).square().sum(0)
    constant = torch.where(squares > 0, 0.0, 1.0).double()
    explained = torch.where(spread > 0, 1 - squares / spread, constant)
    return {
        "r2": mean(explained),
        "rmse": mean(apart.square()).sqrt(),
        "mae": mean(apart.abs()),
    }
