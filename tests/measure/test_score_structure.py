"""Structure distance, against self-similarity written out from the hidden states of the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import ViTModel

import small_networks
from inkover.app.cli import run
from inkover.errors import InkoverError
from inkover.measure.figures import structure
from inkover.measure.figures.scores import Pair, Unknown, score
from inkover.models.quiet import quiet
from small_photo import pixels

ONE, OTHER = pixels() / 255, pixels(seed=1)[::-1] / 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_networks.vit_folder(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def network(folder: Path) -> structure.Structure:
    return structure.load(folder)


def written_out(folder: Path, one: Any, other: Any, scale: float, antialias: bool) -> float:
    """Follow the definition: the keys of the last block are a linear map of what its first norm gives."""
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    last = "encoder.layer.1."
    maps = []
    with quiet(), torch.no_grad():
        model = ViTModel.from_pretrained(folder).eval()
        for picture in (one, other):
            x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() * scale
            x = F.interpolate(x, size=(224, 280), mode="bilinear", antialias=antialias)
            x = (x - torch.tensor(structure.MEAN).view(3, 1, 1)) / torch.tensor(structure.SPREAD).view(3, 1, 1)
            hidden = model(x, interpolate_pos_encoding=True, output_hidden_states=True).hidden_states[-2]
            norm = [weights[f"{last}layernorm_before.{part}"] for part in ("weight", "bias")]
            hidden = F.layer_norm(hidden, (32,), *norm, eps=model.config.layer_norm_eps)
            keys = F.linear(hidden, *(weights[f"{last}attention.attention.key.{part}"] for part in ("weight", "bias")))[
                0
            ]
            lengths = keys.norm(dim=1, keepdim=True)
            maps.append(keys @ keys.T / (lengths @ lengths.T).clamp(min=1e-8))
    return float((maps[0] - maps[1]).square().mean())


@pytest.mark.parametrize(("pie", "scale"), [(False, 1.0), (True, 255.0)])
def test_it_is_what_the_definition_says(folder: Path, network: structure.Structure, pie: bool, scale: float) -> None:
    found = network.distance(ONE, OTHER, pie=pie)
    assert found > 1e-3
    assert found == pytest.approx(written_out(folder, ONE, OTHER, scale, not pie), rel=1e-4)


@pytest.mark.parametrize("pie", [False, True])
def test_a_picture_has_no_distance_from_itself_and_the_order_does_not_count(
    network: structure.Structure, pie: bool
) -> None:
    assert network.distance(ONE, ONE, pie=pie) == 0
    assert network.distance(ONE, OTHER, pie=pie) == pytest.approx(network.distance(OTHER, ONE, pie=pie))


def test_every_patch_and_the_class_have_a_key(network: structure.Structure) -> None:
    assert network.keys(structure.prepared(ONE, False)).shape == (1, 28 * 35 + 1, 32)


@pytest.mark.parametrize(
    ("size", "seen"),
    [((512, 512), (224, 224)), ((600, 400), (336, 224)), ((400, 600), (224, 336)), ((100, 400), (120, 480))],
)
def test_the_shorter_side_is_224_and_the_longer_at_most_480(size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert structure.seen_size(*size) == seen


def test_a_strip_is_a_reason(network: structure.Structure) -> None:
    strip = np.zeros((64, 8000, 3))
    with pytest.raises(Unknown, match="too narrow"):
        network.distance(strip, strip)


def test_the_command_measures_both_conventions(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [str(tmp_path / name) for name in ("one.png", "other.png")]
    for path, picture in zip(photos, (pixels(), pixels(seed=1)), strict=True):
        Image.fromarray(picture).save(path)
    assert run(["score", *photos, "--dino", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["structure"] > 0 and found["pie_structure"] > 0 and found["structure"] != found["pie_structure"]
    assert found["models"]["structure"] == found["models"]["pie_structure"]
    assert found["models"]["structure"].startswith(f"{folder} sha256:")
    assert run(["score", *photos, "--json"]) == 0
    assert "--dino" in json.loads(capsys.readouterr().out)["reasons"]["structure"]


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InkoverError, match="--dino .* holds a model of type 'clip': give a ViTModel"):
        structure.load(small_networks.clip_folder(tmp_path))


def test_damaged_weights_are_a_reason_and_no_number(folder: Path) -> None:
    broken = structure.load(folder)
    for weight in broken.network.parameters():
        weight.data.fill_(float("nan"))
    found = score(Pair(ONE, OTHER, dino=broken))
    assert found.values["structure"] is None and "damaged" in found.reasons["structure"]
