"""Models of timm, adapted to the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import nn

from regbench.errors import ConfigError, nearest
from regbench.nn.checks import require_image
from regbench.nn.small_inputs import patch_projection, smaller_patch, with_larger_maps, with_patches
from regbench.weights import mark_fresh

Stem = Literal["auto", "keep"]


def timm_model(
    in_shape: Sequence[int],
    num_classes: int,
    name: str,
    pretrained: bool = False,
    stem: Stem = "auto",
    **more: Any,
) -> nn.Module:
    """Make a model of timm for these images and classes.

    Source: https://huggingface.co/docs/timm

    Args:
        in_shape: (channels, height, width) of an input.
        num_classes: C; the logits are (B, C).
        name: as in `timm.list_models()`.
        pretrained: whether to begin with its trained weights, which are downloaded; the head is new.
        stem: auto adapts what comes first to small images, where nothing is pretrained; keep leaves it.
        more: what its own function takes beside.

    Raises:
        ConfigError: timm is not installed.
        ValueError: there is no such model, or the inputs are no images.
    """
    if more.pop("vocabulary", None) is not None:
        raise ValueError(f"name={name} takes images, got a text dataset")
    channels, height, width = image = require_image(in_shape)
    timm = _timm()
    if not timm.is_model(name.partition(".")[0]):
        hint = nearest(name, timm.list_models())
        raise ValueError(f"name must be a model of timm, got {name!r}{hint}")
    small = stem == "auto" and not pretrained
    given = {"pretrained": pretrained, "num_classes": num_classes, "in_chans": channels, **more}
    known = timm.get_pretrained_cfg(name)
    if not (known and known.fixed_input_size):
        net = _created(timm, name, **given)
        if small:
            with_larger_maps(net, image)
        return net
    if not small:
        return _created(timm, name, **{"img_size": (height, width), **given})
    net = _created(timm, name, **given)
    found = patch_projection(net)
    whole = found[1].stride[0] if found else 1
    patch = smaller_patch(image, whole)
    # the net for an image of as many patches, which are cut smaller then
    size = (height // patch * whole, width // patch * whole)
    net = _created(timm, name, **{"img_size": size, **given})
    if patch != whole:
        with_patches(net, patch, channels)
        _tell_size(net, (height, width), (patch, patch))
    return net


def _created(timm: Any, name: str, **given: Any) -> Any:
    """A model of timm; a head that is new beside pretrained weights says so."""
    net = timm.create_model(name, **given)
    if given["pretrained"] and net.pretrained_cfg.get("num_classes") != given["num_classes"]:
        head = net.get_classifier()
        for module in head if isinstance(head, tuple | list) else (head,):
            mark_fresh(module)
    return net


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ConfigError("model=timm needs timm; type pip install 'regbench[timm]'") from error
    return timm


def _tell_size(net: nn.Module, size: tuple[int, int], patch: tuple[int, int]) -> None:
    """Let what cuts patches take images of this size, which it compares with what it was made for."""
    for module in net.modules():
        if hasattr(module, "grid_size") and hasattr(module, "img_size"):
            module.img_size, module.patch_size = size, patch  # type: ignore[assignment]


def plain_call(in_shape: Sequence[int], num_classes: int, name: str, **values: Any) -> dict[str, Any]:
    """The call of timm that makes the same model, if nothing of it was adapted.

    Args:
        in_shape: (channels, height, width).
        num_classes: C.
        name: of the model.
        values: what `timm_model` was given beside.
    """
    more = {key: value for key, value in values.items() if key not in ("vocabulary", "pretrained", "stem")}
    given = {"num_classes": num_classes, "in_chans": in_shape[0], **more}
    return {"_target_": "timm.create_model", "model_name": name, **given}
