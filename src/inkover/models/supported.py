"""Which architectures can be loaded, judged from their configuration before any weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inkover.errors import InkoverError

Config = Mapping[str, Any]

SUPPORTED = "Stable Diffusion 1.x and 2.x"

CLASSES: Mapping[str, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
"""The networks and the tokenizer of a model, and the class that each must have; the scheduler may have any."""

FOREIGN: Mapping[str, str] = {
    "addition_embed_type": "it is an SDXL or a similar network",
    "class_embed_type": "its network wants a class label",
    "num_class_embeds": "its network wants a class label",
    "encoder_hid_dim_type": "its network wants the words, or a picture, through a projection of its own",
    "time_cond_proj_dim": "its network is distilled and wants the guidance as an input",
}
"""Keys of a U-Net's configuration that say it wants more than latent, time and words, and what that means."""


def check_index(name: str, index: Config) -> None:
    """Raise an InkoverError unless a model_index.json names the parts of a supported model, and no code of its own."""
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise InkoverError(f"{name} asks for code of its own ({pipeline}), which is never run: use a plain model")
    for part, classes in CLASSES.items():
        _check_class(name, pipeline, part, index.get(part), classes)
    extra = [part for part in ("text_encoder_2", "transformer", "prior") if _is_there(index.get(part))]
    if extra:
        raise _foreign(name, f"it is a {pipeline} (with a {extra[0]})")


def check_configs(name: str, unet: Config, vae: Config, text_encoder: Config) -> None:
    """Raise an InkoverError unless these networks are of a supported kind and fit together."""
    for part, config in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        check_plain(name, part, config)
    for key, reason in FOREIGN.items():
        if unet.get(key) is not None:
            raise _foreign(name, reason)
    latents = vae.get("latent_channels", 4)
    if unet.get("in_channels", 4) != latents:
        reason = f"its network reads {unet.get('in_channels')} channels where the photo has {latents}"
        raise _foreign(name, f"{reason}: it is made for inpainting, depth or instructions")
    if unet.get("out_channels", 4) != latents:
        raise _foreign(name, f"its network answers with {unet.get('out_channels')} channels, not {latents}")
    if unet.get("cross_attention_dim") != text_encoder.get("hidden_size"):
        widths = f"{unet.get('cross_attention_dim')} and {text_encoder.get('hidden_size')}"
        raise InkoverError(f"{name}: its unet and text_encoder differ in width ({widths}): take both from one model")
    if not isinstance(unet.get("sample_size"), int):
        sides = unet.get("sample_size")
        raise InkoverError(f"{name}: sample_size in its unet's configuration is {sides}, expected one whole number")


def check_plain(name: str, part: str, config: Config) -> None:
    """Raise an InkoverError when a configuration asks for code of its own or for quantised weights."""
    if "auto_map" in config:
        raise InkoverError(
            f"{name}: its {part} asks for code of its own (auto_map), which is never run: use a plain model"
        )
    if config.get("quantization_config") is not None:
        raise InkoverError(f"{name}: its {part} is quantised: use the model's float16 or float32 weights")


def _check_class(name: str, pipeline: str, part: str, named: Any, classes: tuple[str, ...]) -> None:
    if not _is_there(named):
        raise _foreign(name, f"it is a {pipeline} without {_a(part)}")
    library, kind = named
    if library not in ("diffusers", "transformers"):
        raise InkoverError(f"{name}: its {part} asks for code of its own ({library}.{kind}), which is never run")
    if kind not in classes:
        raise _foreign(name, f"it is a {pipeline} whose {part} is {_a(kind)}")


def _is_there(named: Any) -> bool:
    """Say whether a model index names something: an absent part is left out, or a pair of nulls."""
    return isinstance(named, (list, tuple)) and len(named) == 2 and all(isinstance(word, str) for word in named)


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeioAEIOU" else f"a {word}"


def _foreign(name: str, reason: str) -> InkoverError:
    return InkoverError(f"{name} cannot be used yet, because {reason}; what can be used: {SUPPORTED}")
