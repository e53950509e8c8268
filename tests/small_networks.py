"""Folders of small random networks that measure, as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, ViTConfig, ViTModel

from inkover.models.quiet import quiet
from tiny import tiny_tokenizer

TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def clip_folder(folder: Path) -> Path:
    """Save a CLIP that sees 32 px and reads 77 tokens."""
    tokenizer = tiny_tokenizer()
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    words = {**TEXT, **ends, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    config = CLIPConfig(text_config=words, vision_config={**TEXT, "image_size": 32, "patch_size": 8}, projection_dim=16)
    _saved(folder, CLIPModel, config)
    tokenizer.save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessorPil(**size).save_pretrained(folder)
    return folder


def vit_folder(folder: Path) -> Path:
    """Save a ViT with patches of 8 px."""
    return _saved(folder, ViTModel, ViTConfig(**TEXT, image_size=224, patch_size=8))


def _saved(folder: Path, kind: Any, config: Any) -> Path:
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
    return folder
