"""Stages 4 and 6: text and image encoders, trained against each other on captions (Radford et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from inkover.tabletop.captions import vary
from inkover.tabletop.edits import another
from inkover.tabletop.scene import COLOURS, Scene
from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import BACKGROUNDS, FINISHES, SURFACES
from inkover.tabletop.training import data
from inkover.tabletop.training.loop import Run, fit
from inkover.tabletop.training.words import LENGTH

WIDTH = 192
# Mean and spread of photos of the little world, per channel: what the image encoder subtracts and divides by.
MEAN, SPREAD = (0.5, 0.5, 0.5), (0.27, 0.27, 0.27)


def network(words: CLIPTokenizer) -> CLIPModel:
    """Return the untrained pair of encoders."""
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=WIDTH,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    image = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=data.SIDE,
        patch_size=16,
        projection_dim=WIDTH,
    )
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=image.to_dict(), projection_dim=WIDTH))


def tokens(words: CLIPTokenizer, texts: list[str], device: str, pad: str = "max_length") -> Tensor:
    """Return token numbers, (texts, LENGTH), or as long as the longest text with ``pad="longest"``."""
    ids = words(texts, padding=pad, max_length=LENGTH, truncation=True, return_tensors="pt").input_ids
    return torch.as_tensor(ids, device=device)


@dataclass(frozen=True)
class Read:
    """Texts as tokens."""

    ids: Tensor  # (texts, LENGTH)
    spans: list[list[tuple[int, int]]]  # by text and token: its characters, first and last + 1


def read(words: CLIPTokenizer, texts: list[str]) -> Read:
    """Return the tokens of texts, and which characters each stands for."""
    said = words(texts, padding="max_length", max_length=LENGTH, truncation=True, return_offsets_mapping=True)
    return Read(torch.tensor(said.input_ids), [[(a, b) for a, b in row] for row in said.offset_mapping])


def pixels(rows: NDArray[np.uint8], device: str) -> Tensor:
    """Return photos (n, side, side, 3) as the image encoder takes them, (n, 3, side, side)."""
    x = torch.from_numpy(rows).to(device).permute(0, 3, 1, 2).float() / 255
    mean, spread = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
    return (x - mean) / spread


def almost(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return a scene that differs in one word, or in which of two objects a word belongs to."""
    things, choice = list(scene.things), rng.random()
    if not things or choice < 0.2:
        if rng.random() < 0.5:
            return replace(scene, surface=another(rng, SURFACES, scene.surface))
        return replace(scene, background=another(rng, BACKGROUNDS, scene.background))
    k = int(rng.integers(len(things)))
    if len(things) > 1 and choice < 0.5:
        other = (k + 1) % len(things)
        a, b = things[k], things[other]
        things[k], things[other] = replace(a, colour=b.colour), replace(b, colour=a.colour)
    elif choice < 0.7:
        things[k] = replace(things[k], colour=another(rng, tuple(COLOURS), *(t.colour for t in things)))
    elif choice < 0.88:
        things[k] = replace(things[k], kind=another(rng, KINDS, *(t.kind for t in things)))
    else:
        things[k] = replace(things[k], finish=another(rng, FINISHES, things[k].finish))
    return replace(scene, things=tuple(things))


def pair(scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Return a caption, and one told the same way of a scene that is almost the same."""
    seed = int(rng.integers(1 << 31))
    wrong = almost(scene, rng)
    for attempt in range(8):  # a detail that the caption leaves out cannot tell them apart
        said = [vary(s, np.random.default_rng([seed, attempt])) for s in (scene, wrong)]
        if said[0] != said[1]:
            return said[0], said[1]
    return said[0], ""


def train(name: str, net: CLIPModel, words: CLIPTokenizer, photos: data.Photos, run: Run, batch: int) -> CLIPModel:
    """Train so that each photo finds its caption among all the batch's captions and their near misses."""

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], Tensor]:
        numbers = rng.choice(len(photos), batch, replace=False)
        told = [pair(photos.scene(int(n)), rng) for n in numbers]
        ids = tokens(words, [right for right, _ in told] + [wrong for _, wrong in told], "cpu", "longest")
        return np.stack([photos.photo(int(n)) for n in numbers]), ids

    def loss(drawn: tuple[NDArray[np.uint8], Tensor]) -> Tensor:
        rows, ids = drawn
        with torch.autocast(run.device.split(":")[0], torch.bfloat16):
            seen = net.get_image_features(pixel_values=pixels(rows, run.device))
            read = net.get_text_features(input_ids=ids.to(run.device))
        seen, read = (F.normalize(_features(f).float(), dim=-1) for f in (seen, read))
        scores = net.logit_scale.exp().clamp(max=100) * seen @ read.T
        right = torch.arange(batch, device=scores.device)
        return (F.cross_entropy(scores, right) + F.cross_entropy(scores[:, :batch].T, right)) / 2

    trained: CLIPModel = fit(name, net, draw, loss, run, is_matrix)
    return trained


def is_matrix(name: str) -> bool:
    """Return whether Muon is to step a weight: all but the tables and the patches' layer, and the projections."""
    return not any(part in name for part in ("embedding.", "projection"))


def _features(answer: object) -> Tensor:
    """Return the projected features, which newer transformers wrap."""
    return answer if isinstance(answer, Tensor) else answer.pooler_output  # type: ignore[attr-defined]
