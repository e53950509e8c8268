"""Drag distance: nothing where the pixels moved, the whole way where they did not, and the definition written out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import ViTModel

import small_networks
from inkover.app.cli import run
from inkover.errors import InkoverError
from inkover.measure.figures import drag, structure
from inkover.measure.figures.drag import Drag
from inkover.measure.figures.scores import NEEDS, Pair, score
from inkover.models.quiet import quiet

SIZE = (64, 96)  # H, W; the network sees 448 x 672 px, 56 x 84 patches


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_networks.vit_folder(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def network(folder: Path) -> structure.Structure:
    return structure.load(folder)


def photo(seed: int = 0, size: tuple[int, int] = SIZE) -> Any:
    """Draw soft patches of colour, so that every place looks like itself alone."""
    coarse = np.random.default_rng(seed).random((size[0] // 4, size[1] // 4, 3))
    return np.clip(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


@pytest.mark.parametrize("way", [(16, 0), (-15, 9), (0, 0)])
def test_pixels_that_moved_have_no_distance_and_pixels_that_stayed_have_all_of_it(
    network: structure.Structure, way: tuple[int, int]
) -> None:
    before, (dx, dy) = photo(), way
    after = np.roll(before, (dy, dx), (0, 1))
    starts = ((40.0, 30.0), (50.5, 25.25))
    drags = [Drag((x, y), (x + dx, y + dy)) for x, y in starts]
    moved, still = (drag.dragged(network, before, picture, drags) for picture in (after, before))
    assert moved.distance < 0.5
    assert still.distance == pytest.approx(math.hypot(dx, dy), abs=0.25)
    for found, (x, y) in zip(still.found, starts, strict=True):
        assert found == pytest.approx((x, y), abs=0.25)


def written_out(folder: Path, before: Any, after: Any, start: tuple[float, float]) -> tuple[float, float]:
    """Follow the definition: keys of the first of two blocks, interpolated to the size seen, the best cosine of all."""
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    (height, width), keys = before.shape[:2], []
    tall, wide = 448, 672
    with quiet(), torch.no_grad():
        model = ViTModel.from_pretrained(folder).eval()
        for picture in (before, after):
            x = F.interpolate(
                torch.from_numpy(picture).permute(2, 0, 1)[None].float(), (tall, wide), mode="bilinear", antialias=True
            )
            x = (x - torch.tensor(structure.MEAN).view(3, 1, 1)) / torch.tensor(structure.SPREAD).view(3, 1, 1)
            hidden = model(x, interpolate_pos_encoding=True, output_hidden_states=True).hidden_states[0]
            first = "encoder.layer.0."
            norm = [weights[f"{first}layernorm_before.{part}"] for part in ("weight", "bias")]
            hidden = F.layer_norm(hidden, (32,), *norm, eps=model.config.layer_norm_eps)
            made = F.linear(hidden, *(weights[f"{first}attention.attention.key.{part}"] for part in ("weight", "bias")))
            keys.append(made[:, 1:].transpose(1, 2).reshape(1, 32, tall // 8, wide // 8))
    column, row = ((start[0] + 0.5) / width * wide / 8 - 0.5, (start[1] + 0.5) / height * tall / 8 - 0.5)
    left, top = int(column), int(row)
    a, b = column - left, row - top
    corner = keys[0][0, :, top : top + 2, left : left + 2]
    handle = (1 - b) * ((1 - a) * corner[:, 0, 0] + a * corner[:, 0, 1])
    handle += b * ((1 - a) * corner[:, 1, 0] + a * corner[:, 1, 1])
    fine = F.interpolate(keys[1], (tall, wide), mode="bilinear", align_corners=False)[0]
    best = int(F.cosine_similarity(handle[:, None, None], fine, dim=0).argmax())
    return (best % wide + 0.5) * width / wide - 0.5, (best // wide + 0.5) * height / tall - 0.5


def test_it_is_what_the_definition_says(folder: Path, network: structure.Structure) -> None:
    before, after = photo(), photo(1)  # of other content: the best is anywhere
    drags = (Drag((40.25, 30.5), (60, 20)), Drag((21, 12.75), (5, 50)))
    found = drag.dragged(network, before, after, drags)
    expected = [written_out(folder, before, after, one.start) for one in drags]
    assert np.array(found.found) == pytest.approx(np.array(expected), abs=1e-4)
    pair = Pair(before, after, dino=network, drag=found)
    scores = score(pair, ("drag_distance", "drag_distance_relative")).values
    apart = np.mean([math.dist(place, one.end) for place, one in zip(expected, drags, strict=True)])
    assert scores["drag_distance"] == pytest.approx(apart, abs=1e-4)
    assert scores["drag_distance_relative"] == pytest.approx(apart / math.hypot(*SIZE), abs=1e-6)


def test_a_strip_and_a_large_photo_are_seen_too(network: structure.Structure) -> None:
    for size in ((16, 2400), (900, 64)):
        picture = photo(size=size)
        found = drag.dragged(network, picture, picture, [Drag((size[1] / 2, size[0] / 2), (0, 0))])
        assert all(0 <= x <= size[1] - 1 and 0 <= y <= size[0] - 1 for x, y in found.found)


def test_without_drags_or_without_a_network_there_is_a_reason() -> None:
    pair = Pair(photo(), photo(), drag=drag.Dragged((Drag((1, 1), (2, 2)),)))
    for name in ("drag_distance", "drag_distance_relative"):
        assert score(pair, [name]).reasons[name] == f"give {NEEDS['dino']}"
        assert NEEDS["drag"] in score(Pair(photo(), photo()), [name]).reasons[name]


def test_damaged_weights_are_a_reason_and_no_number(folder: Path) -> None:
    broken = structure.load(folder)
    for weight in broken.network.parameters():
        weight.data.fill_(float("nan"))
    found = drag.dragged(broken, photo(), photo(), [Drag((1, 1), (2, 2))])
    scores = score(Pair(photo(), photo(), dino=broken, drag=found), ["drag_distance"])
    assert scores.values["drag_distance"] is None and "damaged" in scores.reasons["drag_distance"]


@pytest.mark.parametrize("typed", ["3,4 -> 95,63", "3,4->95,63", " 3 , 4  ->95.0, 63. "])
def test_a_drag_is_read_however_it_is_spaced(typed: str) -> None:
    assert drag.parse(typed, SIZE) == Drag((3, 4), (95, 63))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "is no drag"),
        ("3,4", "is no drag"),
        ("3,4 -> 5", "is no drag"),
        ("3,4 -> 5,6 -> 7,8", "is no drag"),
        ("-3,4 -> 5,6", "is no drag"),
        ("10%,4 -> 5,6", "is no drag"),
        ("nan,4 -> 5,6", "is no drag"),
        ("96,4 -> 5,6", "leaves the photo, 96 x 64 px: its last pixel is 95,63"),
        ("3,4 -> 5,63.5", "leaves the photo"),
        (f"3,4 -> 5,{'9' * 400}", "leaves the photo"),
    ],
)
def test_what_is_no_drag_is_one_line(typed: str, said: str) -> None:
    with pytest.raises(InkoverError, match=said) as problem:
        drag.parse(typed, SIZE)
    assert "\n" not in str(problem.value)


def test_the_command_measures_several_drags(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = np.rint(photo() * 255).astype(np.uint8)
    photos = [str(tmp_path / name) for name in ("one.png", "other.png")]
    for path, picture in zip(photos, (before, np.roll(before, 16, 1)), strict=True):
        Image.fromarray(picture).save(path)
    drags = ["--drag", "40,30 -> 56,30", "--drag", "50,20 -> 66,20"]
    assert run(["score", *photos, *drags, "--dino", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["drag_distance"] < 0.5
    assert found["drag_distance_relative"] == pytest.approx(found["drag_distance"] / math.hypot(*SIZE))
    assert found["models"]["drag_distance"] == found["models"]["structure"]
    for asked, said in ((drags, "add --dino FOLDER"), (["--drag", "1,1", "--dino", str(folder)], "is no drag")):
        assert run(["score", *photos, *asked]) == 2
        told = capsys.readouterr()
        assert not told.out and said in told.err and len(told.err.splitlines()) == 1
