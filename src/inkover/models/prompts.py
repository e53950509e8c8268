"""Prompts as models with several text encoders read them, each through its own window."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from inkover.attention.words import Tokens
from inkover.errors import InkoverError
from inkover.models.tokens import tokens_of

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

    Tokenizer: TypeAlias = CLIPTokenizer | T5Tokenizer
    Clip: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection


def clip_window(tokenizer: CLIPTokenizer, encoder: Clip) -> int:
    """Return how many tokens a CLIP encoder reads."""
    return int(min(tokenizer.model_max_length, encoder.config.max_position_embeddings))


def check_length(tokenizer: Tokenizer, prompt: str, window: int) -> None:
    """Refuse a prompt that the longest of a model's windows cuts, where some of it would be read by no encoder."""
    edges = len(tokenizer("").input_ids)  # what opens and closes a prompt
    count = len(tokenizer(prompt, verbose=False).input_ids)
    if count > window:
        start, counts = prompt[:40] + "...", f"{count - edges} tokens and this model reads {window - edges}"
        raise InkoverError(f"the prompt {start!r} has {counts}: shorten it")


def ids_of(tokenizer: Tokenizer, prompt: str, window: int, device: torch.device) -> Tensor:
    """Return a prompt's tokens (1, window), padded to the window or cut to it."""
    read = tokenizer(prompt, padding="max_length", max_length=window, truncation=True, return_tensors="pt")
    ids: Tensor = read.input_ids.to(device)
    return ids


def t5_said(encoder: T5EncoderModel, ids: Tensor) -> Tensor:  # (1, window, width), float32
    """Return what a T5 encoder says; padding is read like words, as the models were trained."""
    hidden: Tensor = encoder(ids)[0]
    return hidden.float()


def tokens_in(tokenizer: Tokenizer, prompt: str, ids: Tensor) -> Tokens:
    """Return where a prompt's tokens stand, for as many as the window holds."""
    read = tuple(ids[0].tolist())
    return Tokens(prompt, read, tokens_of(tokenizer, prompt, read).spans[: len(read)])


def joined(first: Tokens, second: Tokens) -> Tokens:
    """Return a prompt's tokens as one encoder cuts it, and behind them as another does."""
    known = first.spans and second.spans
    return Tokens(first.prompt, first.ids + second.ids, first.spans + second.spans if known else ())
