"""Which families can be loaded, judged from their configuration before any weight is read."""

from __future__ import annotations

from collections.abc import Mapping

from inkover.errors import InkoverError
from inkover.models.family import Config, Family, check_plain, foreign

FOREIGN: Mapping[str, str] = {
    "addition_embed_type": "its network is told more than latent, time and words",
    "class_embed_type": "its network wants a class label",
    "num_class_embeds": "its network wants a class label",
    "encoder_hid_dim_type": "its network wants the words, or a picture, through a projection of its own",
    "time_cond_proj_dim": "its network is distilled and wants the guidance as an input",
}
"""Keys of a U-Net's configuration that say it wants more than latent, time and words, and what that means."""


def check_configs(name: str, configs: Mapping[str, Config], family: Family) -> None:
    """Raise an InkoverError unless the networks are of the family and fit together."""
    for part in family.networks:
        check_plain(name, part, configs[part])
    family.check(name, configs)


def _stable_diffusion(name: str, configs: Mapping[str, Config]) -> None:
    unet = configs["unet"]
    _plain(name, unet)
    _channels(name, unet.get("in_channels", 4), unet.get("out_channels", 4), configs["vae"].get("latent_channels", 4))
    words, read = configs["text_encoder"].get("hidden_size"), unet.get("cross_attention_dim")
    _widths(name, "unet", "text_encoder", read, words)
    _side(name, "unet", unet)


def _stable_diffusion_xl(name: str, configs: Mapping[str, Config]) -> None:
    unet, texts = configs["unet"], [configs["text_encoder"], configs["text_encoder_2"]]
    if unet.get("addition_embed_type") != "text_time":
        raise foreign(name, "it has two text encoders, and its network is not told the picture's size")
    _plain(name, unet, told="addition_embed_type")
    _channels(name, unet.get("in_channels", 4), unet.get("out_channels", 4), configs["vae"].get("latent_channels", 4))
    words = sum(int(text.get("hidden_size", 0)) for text in texts)
    _widths(name, "unet", "text_encoder and text_encoder_2", unet.get("cross_attention_dim"), words)
    told = 6 * int(unet.get("addition_time_embed_dim") or 0) + int(texts[1].get("projection_dim", 0))
    _widths(name, "unet", "text_encoder_2", unet.get("projection_class_embeddings_input_dim"), told)
    _side(name, "unet", unet)


def _stable_diffusion_3(name: str, configs: Mapping[str, Config]) -> None:
    network, clips = configs["transformer"], [configs["text_encoder"], configs["text_encoder_2"]]
    latents = configs["vae"].get("latent_channels", 4)
    _channels(name, network.get("in_channels", 16), network.get("out_channels", 16), latents)
    pooled = sum(int(clip.get("projection_dim", 0)) for clip in clips)
    _widths(name, "transformer", "text_encoder and text_encoder_2", network.get("pooled_projection_dim"), pooled)
    if "text_encoder_3" in configs:
        words = configs["text_encoder_3"].get("d_model")
        _widths(name, "transformer", "text_encoder_3", network.get("joint_attention_dim"), words)
    _side(name, "transformer", network)


def _flux(name: str, configs: Mapping[str, Config]) -> None:
    network = configs["transformer"]
    latents = 4 * int(configs["vae"].get("latent_channels", 4))  # two by two of them are one token
    read = network.get("in_channels", 64)
    _channels(name, read, network.get("out_channels") or read, latents)
    pooled = configs["text_encoder"].get("hidden_size")
    _widths(name, "transformer", "text_encoder", network.get("pooled_projection_dim"), pooled)
    words = configs["text_encoder_2"].get("d_model")
    _widths(name, "transformer", "text_encoder_2", network.get("joint_attention_dim"), words)


def _plain(name: str, unet: Config, told: str = "") -> None:
    """Refuse a U-Net that wants more than latent, time and words, and what it is ``told`` beside them."""
    for key, reason in FOREIGN.items():
        if key != told and unet.get(key) is not None:
            raise foreign(name, reason)


def _channels(name: str, read: int, answered: int, latents: int) -> None:
    if read != latents:
        reason = f"its network reads {read} channels where the photo has {latents}"
        raise foreign(name, f"{reason}: it is made for inpainting, depth or instructions")
    if answered != latents:
        raise foreign(name, f"its network answers with {answered} channels, not {latents}")


def _widths(name: str, part: str, other: str, read: object, given: object) -> None:
    if read != given:
        differ = f"its {part} and {other} differ in width ({read} and {given})"
        raise InkoverError(f"{name}: {differ}: take both from one model")


def _side(name: str, part: str, config: Config) -> None:
    side = config.get("sample_size")
    if not isinstance(side, int):
        raise InkoverError(f"{name}: sample_size in its {part}'s configuration is {side}, expected one whole number")


CLIP = ("CLIPTokenizer", "CLIPTokenizerFast")
T5 = ("T5TokenizerFast", "T5Tokenizer")

STABLE_DIFFUSION_XL = Family(
    name="Stable Diffusion XL",
    denoiser="unet",
    networks={
        "unet": ("UNet2DConditionModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": ("CLIPTextModel",),
        "text_encoder_2": ("CLIPTextModelWithProjection",),
    },
    tokenizers={"tokenizer": CLIP, "tokenizer_2": CLIP},
    check=_stable_diffusion_xl,
    module="inkover.models.stable_diffusion_xl",
    told_by="text_encoder_2",
)
STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1.x and 2.x",
    denoiser="unet",
    networks={
        "unet": ("UNet2DConditionModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": ("CLIPTextModel",),
    },
    tokenizers={"tokenizer": CLIP},
    check=_stable_diffusion,
    module="inkover.models.stable_diffusion",
)
STABLE_DIFFUSION_3 = Family(
    name="Stable Diffusion 3",
    denoiser="transformer",
    networks={
        "transformer": ("SD3Transformer2DModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": ("CLIPTextModelWithProjection",),
        "text_encoder_2": ("CLIPTextModelWithProjection",),
        "text_encoder_3": ("T5EncoderModel",),
    },
    tokenizers={"tokenizer": CLIP, "tokenizer_2": CLIP, "tokenizer_3": T5},
    check=_stable_diffusion_3,
    module="inkover.models.stable_diffusion_3",
    optional=("text_encoder_3", "tokenizer_3"),
)
FLUX = Family(
    name="Flux",
    denoiser="transformer",
    networks={
        "transformer": ("FluxTransformer2DModel",),
        "vae": ("AutoencoderKL",),
        "text_encoder": ("CLIPTextModel",),
        "text_encoder_2": ("T5EncoderModel",),
    },
    tokenizers={"tokenizer": CLIP, "tokenizer_2": T5},
    check=_flux,
    module="inkover.models.flux",
)
FAMILIES = (STABLE_DIFFUSION_XL, STABLE_DIFFUSION, STABLE_DIFFUSION_3, FLUX)
