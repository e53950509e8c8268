"""Stage 8: the model folder that the package ships, which a plain diffusers pipeline loads too."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from inkover.errors import InkoverError
from inkover.tabletop.probe import Probe
from inkover.tabletop.training import autoencoder, clip, data, words
from inkover.tabletop.training.loop import restore
from inkover.tabletop.training.unet import Pair

WEIGHTS = "model.safetensors"
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.35.0",
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
}


def write(folder: Path, to: Path, tuned: Pair, scale: float) -> None:
    """Write every part below ``to``: the two big networks in half precision, the encoders in full.

    transformers loads a network in the precision that it is stored in, diffusers in float32: so the encoders must be
    stored in float32 to meet the U-Net in a plain pipeline.
    """
    vae = autoencoder.network()
    restore("autoencoder", vae, folder)
    vae.register_to_config(scaling_factor=round(scale, 5))
    vae.half().save_pretrained(to / "vae")
    tuned.unet.half().save_pretrained(to / "unet")
    tokens = words.tokenizer()
    words.save(tokens, to / "tokenizer")
    _text(tuned, to / "text_encoder")
    _image(folder, to, tuned)
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1, prediction_type="epsilon",
    ).save_pretrained(to / "scheduler")  # fmt: skip
    _probe(folder, to / "probe")
    (to / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n")


def take(model: Path, folder: Path) -> None:
    """Write what ``write`` wrote back as checkpoints, without the optimisers' memory."""
    text = {k.removeprefix("text_model."): v for k, v in load_file(model / "text_encoder" / WEIGHTS).items()}
    unet = load_file(model / "unet" / f"diffusion_pytorch_{WEIGHTS}")
    pairs = {
        "autoencoder": load_file(model / "vae" / f"diffusion_pytorch_{WEIGHTS}"),
        "unet-16": {f"unet.{k}": v for k, v in unet.items()} | {f"text.{k}": v for k, v in text.items()},
        "clip": {f"text_model.{k}": v for k, v in text.items()}
        | load_file(model / "image_encoder" / WEIGHTS)
        | load_file(model / "text_projection" / WEIGHTS),
        "probe": load_file(model / "probe" / WEIGHTS),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, state in pairs.items():
        if (folder / f"{name}.safetensors").exists():
            raise InkoverError(f"{folder} has a checkpoint of {name} already: take another --folder")
        average = {f"average.{k}": v.float() for k, v in state.items()}
        save_file(average | {"step": torch.tensor(1)}, folder / f"{name}.safetensors")


def _text(tuned: Pair, to: Path) -> None:
    """Write the text encoder under the names that old and new transformers both read."""
    tuned.text.save_pretrained(to)
    state = {f"text_model.{k}": v.float().contiguous() for k, v in tuned.text.state_dict().items()}
    state = {k: v for k, v in state.items() if not k.endswith("position_ids")}
    save_file(state, to / WEIGHTS, {"format": "pt"})


def _image(folder: Path, to: Path, tuned: Pair) -> None:
    """Write the image encoder, and what turns the text encoder's last word into the space that both share."""
    net = clip.network(words.tokenizer())
    if not restore("align", net, folder):
        restore("clip", net, folder)
    encoder = CLIPVisionModelWithProjection(net.config.vision_config)
    encoder.vision_model.load_state_dict(net.vision_model.state_dict())
    encoder.visual_projection.load_state_dict(net.visual_projection.state_dict())
    encoder.save_pretrained(to / "image_encoder")
    CLIPImageProcessor(
        size={"shortest_edge": data.SIDE}, crop_size=data.SIDE, image_mean=clip.MEAN, image_std=clip.SPREAD
    ).save_pretrained(to / "image_encoder")
    (to / "text_projection").mkdir(exist_ok=True)
    head = {"text_projection.weight": net.text_projection.weight, "logit_scale": net.logit_scale}
    save_file({k: v.detach().contiguous() for k, v in head.items()}, to / "text_projection" / WEIGHTS)


def _probe(folder: Path, to: Path) -> None:
    probe = Probe()
    restore("probe", probe, folder)
    to.mkdir(parents=True, exist_ok=True)
    save_file({k: v.to(torch.float32).contiguous() for k, v in probe.state_dict().items()}, to / WEIGHTS)
