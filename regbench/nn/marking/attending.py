"""Sites on attention weights in modules of others: the body is the softmax over keys."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.marking.marked import Call, Marked
from regbench.sites import Site


class Probabilities(Marked):
    """A site at a dropout of attention probabilities, such as timm's `attn_drop`.

    What stands around it sees logits: log(A), which is the logits less a constant for each row, so that their
    softmax is A again. What stands after it sees the probabilities.
    """

    def touched(self, call: Call) -> Any:
        value: Any = call.first
        if len(self.around):
            smallest = torch.finfo(value.dtype).tiny
            logits = torch.where(value > 0, value.clamp_min(smallest).log(), float("-inf"))
            body: Any = _softmax
            for wrapper in self.around:
                body = _Around(wrapper, body)
            value = body(logits)
        return self.after(call.given(self.body, value))


class _Around:
    def __init__(self, wrapper: nn.Module, body: Any) -> None:
        self.wrapper, self.body = wrapper, body

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.wrapper(self.body, inputs)


class Fused:
    """Before an attention of timm's kind runs: it is fused only where nothing acts at the site."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __call__(self, module: Any, args: tuple[Any, ...]) -> None:
        module.fused_attn = self.site.untouched


class Attending(Marked):
    """A site in the place of an `nn.MultiheadAttention`, whose softmax is its body where something acts.

    What acts sees logits, or probabilities, of shape (B, heads, T, S), -inf at what is masked.
    """

    def touched(self, call: Call) -> Any:
        return self._attended(*call.args, **call.kwargs)

    def _attended(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As of `nn.MultiheadAttention.forward`, on rows: (B, T, D) with `batch_first`, else (T, B, D)."""
        layer: Any = self.body
        if not layer.batch_first:
            query, key, value = (one.transpose(0, 1) for one in (query, key, value))
        queries, keys, values = (
            one.unflatten(2, (layer.num_heads, -1)).transpose(1, 2)
            for one in _projected(layer, query, key, value)
        )
        logits = queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5
        if attn_mask is not None:
            whole = attn_mask.unflatten(0, (-1, layer.num_heads)) if attn_mask.ndim == 3 else attn_mask
            logits = _masked(logits, whole)
        if key_padding_mask is not None:
            logits = _masked(logits, key_padding_mask[:, None, None])
        weights = F.dropout(self.through(_softmax, logits), layer.dropout, layer.training)
        mixed = layer.out_proj((weights @ values).transpose(1, 2).flatten(2))
        shown = weights.mean(1) if average_attn_weights else weights
        return (mixed if layer.batch_first else mixed.transpose(0, 1)), (shown if need_weights else None)


def is_plain_attention(layer: nn.Module) -> bool:
    """Whether a module is an `nn.MultiheadAttention` whose keys are its inputs' alone."""
    return (
        type(layer) is nn.MultiheadAttention
        and layer.bias_k is None
        and layer.bias_v is None
        and not layer.add_zero_attn
    )


def _projected(layer: Any, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
    if layer._qkv_same_embed_dim:
        matrices = layer.in_proj_weight.chunk(3)
    else:
        matrices = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
    biases = (None,) * 3 if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)
    return [F.linear(*three) for three in zip((query, key, value), matrices, biases, strict=True)]


def _masked(logits: Tensor, mask: Tensor) -> Tensor:
    """Logits where a mask is true become -inf; a mask of numbers is added."""
    return logits.masked_fill(mask, float("-inf")) if mask.dtype == torch.bool else logits + mask


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(-1)
