"""What CLIP makes of pictures and texts (Radford et al. 2021, arXiv:2103.00020): vectors whose cosines are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inkover.errors import InkoverError
from inkover.measure.figures import networks
from inkover.models.folder import first_line, tokenizer_files
from inkover.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

EMBEDDED = "tabletop"
"""The name of the encoders that come with the package."""

Bytes = NDArray[np.uint8]  # (n, H, W, 3)


class Encoder(Protocol):
    """Sees pictures and reads texts into one space."""

    @property
    def tokenizer(self) -> CLIPTokenizer:
        """Return what cuts a text into tokens."""

    @property
    def window(self) -> int:
        """Return how many tokens are read."""

    def seen(self, photos: Bytes) -> Tensor:
        """Return a vector of length 1 for each photo."""

    def read(self, captions: list[str]) -> Tensor:
        """Return a vector of length 1 for each text."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A CLIP of transformers."""

    model: CLIPModel
    tokenizer: CLIPTokenizer
    prepare: CLIPImageProcessorPil

    @property
    def window(self) -> int:
        """Return how many tokens are read."""
        return int(min(self.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings))

    @torch.no_grad()
    def seen(self, photos: Bytes) -> Tensor:
        """Return a vector of length 1 for each photo."""
        pixels = self.prepare(images=list(photos), return_tensors="pt", input_data_format="channels_last").pixel_values
        pooled = self.model.vision_model(pixel_values=pixels).pooler_output
        return F.normalize(self.model.visual_projection(pooled).float(), dim=-1)

    @torch.no_grad()
    def read(self, captions: list[str]) -> Tensor:
        """Return a vector of length 1 for each text; what is beyond the window is left out."""
        texts = [self.tokenizer(c, truncation=True, max_length=self.window, return_tensors="pt") for c in captions]
        pooled = torch.cat([self.model.text_model(input_ids=text.input_ids).pooler_output for text in texts])
        return F.normalize(self.model.text_projection(pooled).float(), dim=-1)


@dataclass(frozen=True, slots=True)
class Views:
    """The vectors (width,), of length 1, of an edit's pictures and texts; None for what was not given."""

    before: Tensor
    after: Tensor
    edited: Tensor | None  # the edited picture, black outside the mask
    source: Tensor | None
    target: Tensor | None


def load(name: str) -> Encoder:
    """Load the embedded encoders by their name, or a CLIP from a transformers folder."""
    if name == EMBEDDED:
        from inkover.tabletop import folder, likeness

        return likeness.load(folder())
    with quiet():
        return _clip(Path(name))


def named(name: str) -> str:
    """Return what the encoder is called in a report."""
    return name if name == EMBEDDED else networks.named(Path(name))


def _clip(folder: Path) -> Clip:
    from transformers import CLIPImageProcessorPil, CLIPTokenizer

    name = f"--clip {folder}"
    model = networks.network("--clip", folder, "CLIPModel", "clip")
    tokenizer_files(name, folder)  # without them transformers makes an empty tokenizer, and says nothing
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        prepare = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise InkoverError(
            f"{name}: its tokenizer or preprocessor_config.json cannot be read ({first_line(problem)}): "
            "get the model again"
        ) from problem
    side, seen = model.config.vision_config.image_size, prepare(np.zeros((64, 80, 3), np.uint8)).pixel_values[0].shape
    if seen[1:] != (side, side):
        made = f"{seen[2]} x {seen[1]} px, and its network sees {side} x {side}"
        raise InkoverError(f"{name}: its preprocessor_config.json makes {made}: get the model again")
    return Clip(model, tokenizer, prepare)


def views(encoder: Encoder, before: Bytes, after: Bytes, mask: Any, source: str | None, target: str | None) -> Views:
    """Look at both photos (H, W, 3) and read both texts, each alone; the mask is (H, W) in [0, 1]."""
    edited = None if mask is None else (after * mask[..., None]).astype(np.uint8)  # rounded down, as PIE-Bench does
    return Views(
        encoder.seen(before[None])[0],
        encoder.seen(after[None])[0],
        None if edited is None else encoder.seen(edited[None])[0],
        None if source is None else encoder.read([source])[0],
        None if target is None else encoder.read([target])[0],
    )


def beyond(encoder: Encoder, text: str) -> int:
    """Return how many of a text's tokens the encoder cannot read."""
    return max(0, len(encoder.tokenizer(text, verbose=False).input_ids) - encoder.window)


def cosine(one: Tensor, other: Tensor) -> float:
    """Return the cosine of two vectors (width,), whatever their length; NaN where one has none."""
    lengths = float(one.norm() * other.norm())
    return float(one @ other) / lengths if lengths > 1e-12 else float("nan")


def points(picture: Tensor, text: Tensor) -> float:
    """Return CLIPScore as torchmetrics and PIE-Bench have it: 100 times the cosine, at least 0 (arXiv:2104.08718)."""
    return max(100 * cosine(picture, text), 0.0)  # in this order a NaN stays one
