"""How well a photo and a caption of the little world fit: the cosine of the two trained encoders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from inkover.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection


@dataclass(frozen=True, slots=True)
class Likeness:
    """The text encoder with its projection, and the image encoder."""

    tokenizer: CLIPTokenizer
    text: CLIPTextModel
    projection: Tensor
    image: CLIPVisionModelWithProjection
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    @torch.no_grad()
    def scores(self, photos: NDArray[np.uint8], captions: list[str]) -> Tensor:
        """Return cosines (photos, captions) for photos (n, H, W, 3)."""
        return self.seen(photos) @ self.read(captions).T

    @property
    def side(self) -> int:
        """Return the side of the square that the image encoder sees, in pixels."""
        return int(self.image.config.image_size)

    @property
    def window(self) -> int:
        """Return how many tokens of a caption are read."""
        return int(self.text.config.max_position_embeddings)

    @torch.no_grad()
    def seen(self, photos: NDArray[np.uint8]) -> Tensor:
        """Return a vector of length 1 for each photo (n, H, W, 3)."""
        x = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
        x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", antialias=True)
        mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.spread))
        return F.normalize(self.image(pixel_values=(x - mean) / spread).image_embeds.float(), dim=-1)

    @torch.no_grad()
    def read(self, captions: list[str]) -> Tensor:
        """Return a vector of length 1 for each caption; what is beyond the window is left out."""
        length = {"padding": "max_length", "max_length": self.window}
        ids = self.tokenizer(captions, truncation=True, return_tensors="pt", **length)
        pooled = self.text(input_ids=ids.input_ids).pooler_output
        return F.normalize(F.linear(pooled.float(), self.projection), dim=-1)


def load(folder: Path) -> Likeness:
    """Load the encoders from the embedded model's folder, without the bars of the library that reads them."""
    import json

    from safetensors.torch import load_file
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

    image = folder / "image_encoder"
    seen_as = json.loads((image / "preprocessor_config.json").read_text())
    with quiet():
        return Likeness(
            CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            CLIPTextModel.from_pretrained(folder / "text_encoder", use_safetensors=True, local_files_only=True).eval(),
            load_file(folder / "text_projection" / "model.safetensors")["text_projection.weight"],
            CLIPVisionModelWithProjection.from_pretrained(image, use_safetensors=True, local_files_only=True).eval(),
            tuple(seen_as["image_mean"]),
            tuple(seen_as["image_std"]),
        )
