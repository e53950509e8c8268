"""Which modules of a diffusers U-Net attend, to what, and where their grid can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inkover.attention.tap import Layer

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from torch import nn

ORDER = ("down_blocks", "mid_block", "up_blocks")
"""A U-Net's parts in the order in which they run; its modules are listed in another."""


def attention_layers(unet: UNet2DConditionModel) -> tuple[Layer, ...]:
    """Register a U-Net's attention, in the order in which it runs."""
    from diffusers.models.attention_processor import Attention

    modules: Mapping[str, nn.Module] = dict(unet.named_modules())
    found = {name: module for name, module in modules.items() if isinstance(module, Attention)}
    names = [name for part in ORDER for name in found if name.partition(".")[0] == part]  # inside a part, as listed
    crossing = [name for name in names if found[name].is_cross_attention]
    looking = [name for name in names if not found[name].is_cross_attention]
    depths = {name: at / len(kind) for kind in (crossing, looking) for at, name in enumerate(kind)}
    return tuple(
        Layer(
            name,
            modules[name],
            _features(modules, name),
            "cross" if found[name].is_cross_attention else "self",
            depths[name],
        )
        for name in names
    )


def _features(modules: Mapping[str, nn.Module], name: str) -> nn.Module:
    """Return the transformer around an attention, which is given (b, c, h, w); the attention itself where none is."""
    from diffusers.models.transformers.transformer_2d import Transformer2DModel

    around = name
    while around:
        if isinstance(modules[around], Transformer2DModel):
            return modules[around]
        around = around.rpartition(".")[0]
    return modules[name]
