"""The stages of training by name: each reads what the earlier ones left in the folder."""

from __future__ import annotations

from argparse import Namespace

import torch
from torch import distributed

from inkover.tabletop.training import autoencoder as autoencoder_stage
from inkover.tabletop.training import data
from inkover.tabletop.training.loop import Run, restore
from inkover.tabletop.training.unet import Pair


def _photos(asked: Namespace) -> data.Photos:
    return data.load(asked.folder / "photos", asked.count)


def _run(asked: Namespace, steps: int, rate: float) -> Run:
    worker = distributed.get_rank() if asked.workers > 1 else 0
    return Run(
        asked.folder,
        asked.steps or steps,
        asked.rate or rate,
        asked.minutes,
        asked.device,
        worker=worker,
        workers=asked.workers,
    )


def render(asked: Namespace) -> None:
    """Render the training photos."""
    data.make(asked.folder / "photos", asked.count, asked.first, asked.threads)


def autoencoder(asked: Namespace) -> None:
    """Train the autoencoder."""
    autoencoder_stage.train(_photos(asked), _run(asked, 3000, 2e-3), asked.batch or 16)


def latents(asked: Namespace) -> None:
    """Encode the photos."""
    from inkover.tabletop.training import unet as stage

    net = autoencoder_stage.network()
    restore("autoencoder", net, asked.folder)
    stage.trace(net.to(asked.device).eval(), _photos(asked), asked.folder / "latents", asked.device)


def clip(asked: Namespace) -> None:
    """Train the text and image encoders."""
    from inkover.tabletop.training import clip as stage
    from inkover.tabletop.training.words import tokenizer

    words = tokenizer()
    net = stage.network(words).to(asked.device)
    stage.train("clip", net, words, _photos(asked), _run(asked, 4000, 1e-3), asked.batch or 128)


def unet(asked: Namespace) -> None:
    """Train the U-Net on windows of the latents; the whole latents start from what the windows taught."""
    from inkover.tabletop.training import clip as clip_stage
    from inkover.tabletop.training import unet as stage
    from inkover.tabletop.training.words import tokenizer

    words = tokenizer()
    encoders = clip_stage.network(words)
    restore("clip", encoders, asked.folder)
    net = stage.Pair(stage.network(), encoders.text_model)
    for smaller in range(8, asked.window, 4):
        restore(f"unet-{smaller}", net, asked.folder)
    net.unet.to(memory_format=torch.channels_last)
    net.to(asked.device)
    folder = asked.folder / "latents"
    drawn = stage.Latents(_photos(asked), folder, asked.window, 1 / stage.spread(folder))
    stage.train(f"unet-{asked.window}", net, words, drawn, _run(asked, 8000, 8e-4), asked.batch or 32)


def align(asked: Namespace) -> None:
    """Train the image encoder again, against the text encoder as the U-Net left it."""
    from inkover.tabletop.training import clip as stage
    from inkover.tabletop.training.words import tokenizer

    words = tokenizer()
    net = stage.network(words)
    restore("clip", net, asked.folder)
    net.text_model.load_state_dict(_tuned(asked).text.state_dict())
    net.text_model.requires_grad_(False)
    stage.train("align", net.to(asked.device), words, _photos(asked), _run(asked, 1500, 5e-4), asked.batch or 128)


def _tuned(asked: Namespace) -> Pair:
    """Return the U-Net and the text encoder as the last window size left them."""
    from inkover.tabletop.training import clip as clip_stage
    from inkover.tabletop.training import unet as stage
    from inkover.tabletop.training.words import tokenizer

    net = stage.Pair(stage.network(), clip_stage.network(tokenizer()).text_model)
    for window in range(8, stage.LATENT + 1, 4):
        restore(f"unet-{window}", net, asked.folder)
    return net


def probe(asked: Namespace) -> None:
    """Train the judge."""
    from inkover.tabletop.probe import Probe
    from inkover.tabletop.training import probe as stage

    stage.train(Probe().to(asked.device), _photos(asked), _run(asked, 4000, 2e-3), asked.batch or 64)


def take(asked: Namespace) -> None:
    """Make checkpoints of a model folder: the U-Net as if it had learnt windows, so that whole photos come next."""
    from inkover.tabletop.training import export as stage

    stage.take(asked.to, asked.folder)


def export(asked: Namespace) -> None:
    """Write the model folder, in the layout of diffusers."""
    from inkover.tabletop.training import export as stage
    from inkover.tabletop.training import unet as unet_stage

    scale = 1 / unet_stage.spread(asked.folder / "latents")
    stage.write(asked.folder, asked.to, _tuned(asked), scale)
