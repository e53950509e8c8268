"""Reading the parts of a checked model folder: networks from safetensors, and tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.models.family import check_plain
from inkover.models.folder import Layout, first_line, read_json

if TYPE_CHECKING:
    import torch


def read_parts(layout: Layout, dtype: torch.dtype) -> dict[str, Any]:
    """Read the parts of a checked folder, on the CPU: the denoiser in that dtype, the others in the one they came in.

    InkoverError when weights are damaged or missing.
    """
    networks = {part: _network(layout, part, dtype) for part in layout.family.networks}
    return {**networks, **{part: read_tokenizer(layout, part) for part in layout.family.tokenizers}}


def clip_config(layout: Layout, part: str) -> Any:
    """Build a CLIP encoder's configuration from the keys that describe a network, and from no others."""
    from transformers import CLIPTextConfig

    config = layout.configs[part]
    return CLIPTextConfig(**{key: config[key] for key in CLIP_KEYS if config.get(key) is not None})


CLIP_KEYS = (
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "projection_dim",
    "use_attention_mask",
    "vocab_size",
)


def read_tokenizer(layout: Layout, part: str = "tokenizer") -> Any:
    """Read one of a folder's tokenizers."""
    import transformers

    folder = layout.folder / part
    if (folder / "tokenizer_config.json").is_file():
        check_plain(layout.name, part, read_json(layout.name, folder / "tokenizer_config.json"))
    try:
        kind = getattr(transformers, layout.family.tokenizers[part][0])
        return kind.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as problem:
        raise InkoverError(f"{layout.name}: its {part} cannot be read ({first_line(problem)})") from problem


def _network(layout: Layout, part: str, dtype: torch.dtype) -> Any:
    import diffusers
    import transformers
    from safetensors import SafetensorError

    (name, *_), encodes = layout.family.networks[part], part.startswith("text_encoder")
    kind = getattr(transformers if encodes else diffusers, name)
    more: dict[str, Any] = {}
    if part == layout.family.denoiser:
        more = {"torch_dtype": dtype}  # the largest part is never there twice, or in twice the size
    elif encodes and issubclass(kind, transformers.CLIPPreTrainedModel):
        more = {"config": clip_config(layout, part)}
    try:
        network, info = kind.from_pretrained(
            str(layout.folder / part),
            variant=layout.variants[part] or None,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **more,
        )
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as problem:
        raise InkoverError(
            f"{layout.name}: its {part} cannot be read ({first_line(problem)}); get it again"
        ) from problem
    missing = sorted(info["missing_keys"])
    if missing:
        raise InkoverError(
            f"{layout.name}: its {part} lacks {len(missing)} weights, such as {missing[0]}; get it again"
        )
    if info["mismatched_keys"]:
        raise InkoverError(f"{layout.name}: weights of its {part} do not fit its config.json; get the model again")
    return network
