"""The layout that Stable Diffusion was published in: one file, other names. From diffusers' names to those."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_published(pipeline: Any, path: Path) -> Path:
    """Save a pipeline's networks as one file in the published layout."""
    tensors = {
        **{f"model.diffusion_model.{key}": value for key, value in _unet(pipeline.unet)},
        **{f"first_stage_model.{key}": value for key, value in _vae(pipeline.vae)},
        **{f"cond_stage_model.transformer.{key}": value for key, value in _text(pipeline.text_encoder)},
    }
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    return path


def _unet(unet: Any) -> Iterator[tuple[str, Tensor]]:
    layers, blocks = unet.config.layers_per_block, len(unet.config.block_out_channels)
    for key, value in unet.state_dict().items():
        yield _unet_key(key, layers, blocks), value


def _unet_key(key: str, layers: int, blocks: int) -> str:
    for old, new in (
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("conv_in", "input_blocks.0.0"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
    ):
        if key.startswith(old):
            return key.replace(old, new)
    if key.startswith("mid_block.resnets"):
        return _resnet(re.sub(r"mid_block.resnets.(\d)", lambda m: f"middle_block.{2 * int(m[1])}", key))
    if key.startswith("mid_block.attentions"):
        return key.replace("mid_block.attentions.0", "middle_block.1")
    side, block, kind, index, rest = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", key).groups()  # type: ignore[union-attr]
    first = int(block) * (layers + 1)
    if side == "down":
        place = f"input_blocks.{1 + first + (layers if kind == 'downsamplers' else int(index))}"
        rest = rest.replace("conv.", "op.") if kind == "downsamplers" else rest
        slot = {"resnets": 0, "attentions": 1, "downsamplers": 0}[kind]
    else:
        place = f"output_blocks.{first + (layers if kind == 'upsamplers' else int(index))}"
        slot = {"resnets": 0, "attentions": 1, "upsamplers": 2}[kind]
    return _resnet(f"{place}.{slot}.{rest}") if kind == "resnets" else f"{place}.{slot}.{rest}"


def _resnet(key: str) -> str:
    return re.sub("|".join(RESNET), lambda m: RESNET[m[0]], key)


def _vae(vae: Any) -> Iterator[tuple[str, Tensor]]:
    last = len(vae.config.block_out_channels) - 1
    for key, value in vae.state_dict().items():
        attention = "attentions" in key
        key = re.sub(r"up_blocks\.(\d)", lambda m: f"up.{last - int(m[1])}", key).replace("down_blocks", "down")
        key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{1 + int(m[1])}", key)
        key = key.replace("mid_block.attentions.0", "mid.attn_1").replace("resnets", "block")
        key = key.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
        key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        if attention:
            key = re.sub("|".join(ATTENTION), lambda m: ATTENTION[m[0]], key)
            value = value[:, :, None, None] if value.ndim == 2 else value
        yield key, value


def _text(encoder: Any) -> Iterator[tuple[str, Tensor]]:
    for key, value in encoder.state_dict().items():
        yield f"text_model.{key.removeprefix('text_model.')}", value
