"""What is learned from another model's predictions."""

from __future__ import annotations

from torch import Tensor


def softened_divergence(taught: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """temperature^2 * KL between softened predictions in nats, the mean over rows.

    As the temperature grows its gradient in the logits goes to (z - v) / C less their mean, for each row.

    Paper: Hinton et al., 2015, https://arxiv.org/abs/1503.02531, section 2

    Args:
        taught: the teacher's logits v, (B, C).
        logits: z, (B, C).
        temperature: above 0.
    """
    logs = (taught / temperature).log_softmax(1)
    distances = (logs.exp() * (logs - (logits / temperature).log_softmax(1))).sum(1)
    return temperature**2 * distances.mean()
