"""CLIP's figures, against the whole model of transformers and torchmetrics where it is there."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

import small_networks
from inkover.app.cli import run
from inkover.errors import InkoverError
from inkover.measure.figures import clip
from inkover.models.quiet import quiet
from small_photo import pixels

SOURCE, TARGET = "a red ball on grass", "a blue cube"
BEFORE, AFTER = pixels(), pixels(seed=1)[::-1].copy()
MASK = np.zeros(BEFORE.shape[:2], np.float32)
MASK[30:60, 40:80] = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_networks.clip_folder(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> clip.Encoder:
    return clip.load(str(folder))


def whole(folder: Path, photo: Any, text: str) -> float:
    """Return 100 times the cosine that the whole model finds."""
    with quiet(), torch.no_grad():
        model = CLIPModel.from_pretrained(folder).eval()
        pixel_values = CLIPImageProcessorPil.from_pretrained(folder)(images=photo, return_tensors="pt").pixel_values
        ids = CLIPTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        found = model(pixel_values=pixel_values, **ids).logits_per_image / model.logit_scale.exp()
    return 100 * float(found)


def test_points_agree_with_the_whole_model(folder: Path, encoder: clip.Encoder) -> None:
    for photo, text in ((BEFORE, SOURCE), (AFTER, TARGET), (AFTER, SOURCE)):
        found = 100 * clip.cosine(encoder.seen(photo[None])[0], encoder.read([text])[0])
        assert found == pytest.approx(whole(folder, photo, text), abs=1e-4)


def test_points_agree_with_torchmetrics(folder: Path, encoder: clip.Encoder) -> None:
    multimodal = pytest.importorskip("torchmetrics.functional.multimodal")
    from transformers import CLIPProcessor

    with quiet():
        model = CLIPModel.from_pretrained(folder).eval()
        parts = CLIPImageProcessorPil.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)

    class Model:
        """The model as torchmetrics knew it: features were tensors."""

        config = model.config

        def to(self, device: Any) -> Any:
            return self

        def get_image_features(self, pixels: Any) -> Any:
            return model.get_image_features(pixels).pooler_output

        def get_text_features(self, ids: Any, mask: Any) -> Any:
            return model.get_text_features(ids, mask).pooler_output

    edited = (AFTER * MASK[..., None]).astype(np.uint8)
    found = clip.views(encoder, BEFORE, AFTER, MASK, SOURCE, TARGET)
    assert found.edited is not None and found.target is not None
    for photo, view in ((AFTER, found.after), (edited, found.edited)):
        with torch.no_grad():
            expected = multimodal.clip_score(
                torch.from_numpy(photo).permute(2, 0, 1), TARGET, lambda: (Model(), CLIPProcessor(*parts))
            )
        assert clip.points(view, found.target) == pytest.approx(float(expected), abs=1e-4)


def test_the_length_of_vectors_does_not_count_and_points_are_never_negative() -> None:
    one, other = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    assert clip.cosine(3 * one, 0.1 * other) == pytest.approx(clip.cosine(one, other), abs=1e-6)
    assert clip.cosine(one, other) == clip.cosine(other, one)
    assert math.isnan(clip.points(one, one * float("nan")))
    assert clip.points(one, -one) == 0 and clip.points(one, one) == pytest.approx(100, abs=1e-4)


def test_a_picture_is_seen_alike_alone_and_among_others(encoder: clip.Encoder) -> None:
    together = encoder.seen(np.stack([BEFORE, AFTER]))
    assert torch.allclose(together[1], encoder.seen(AFTER[None])[0], atol=1e-6)


def test_what_the_mask_holds_is_seen_on_black(encoder: clip.Encoder) -> None:
    found = clip.views(encoder, BEFORE, AFTER, MASK / 2, None, None)
    cut = np.zeros_like(AFTER)
    cut[30:60, 40:80] = AFTER[30:60, 40:80] // 2  # rounded down
    assert found.edited is not None and torch.equal(found.edited, encoder.seen(cut[None])[0])


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    pictures = {"before": BEFORE, "after": AFTER, "mask": (MASK * 255).astype(np.uint8)}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return [str(tmp_path / f"{name}.png") for name in ("before", "after")]


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["score", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_command_measures_with_a_folder(
    folder: Path, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    mask = ["--mask", photos[0].replace("before", "mask")]
    found = measured(capsys, *photos, *mask, "--from", SOURCE, "--to", TARGET, "--clip", str(folder))
    assert found["clip"] == pytest.approx(max(0, whole(folder, AFTER, TARGET)), abs=1e-4)
    assert found["clip_source"] == pytest.approx(max(0, whole(folder, BEFORE, SOURCE)), abs=1e-4)
    assert -1 <= found["clip_direction"] <= 1 and -1 <= found["clip_image"] <= 1 and found["clip_edited"] >= 0
    names = ("clip", "clip_edited", "clip_source", "clip_direction", "clip_image")
    assert {name for name in found["models"] if name.startswith("clip")} == set(names)
    assert found["models"]["clip"].startswith(f"{folder} sha256:")


def test_the_command_measures_with_the_embedded_model(photos: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, photos[0], photos[0], "--clip", "tabletop", "--from", SOURCE, "--to", TARGET)
    assert found["clip_image"] == pytest.approx(1, abs=1e-5) and found["models"]["clip_image"] == "tabletop"
    assert found["clip_direction"] is None and "no direction" in found["reasons"]["clip_direction"]


def test_without_clip_and_without_texts_the_reasons_say_what_to_give(
    folder: Path, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(capsys, *photos)
    assert found["clip"] is None and "--clip" in found["reasons"]["clip"] and "--to" in found["reasons"]["clip"]
    found = measured(capsys, *photos, "--clip", str(folder))
    assert "--clip" not in found["reasons"]["clip"] and found["clip_image"] is not None


@pytest.mark.parametrize("own", [True, False], ids=["folder", "embedded"])
def test_a_text_that_is_too_long_is_said(
    own: bool, folder: Path, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(folder) if own else "tabletop"
    asked = ["score", *photos, "--to", "a red ball " * 40, "--clip", name]
    assert run(asked) == 0
    said = capsys.readouterr().err
    assert "--to is too long for CLIP by" in said and len(said.splitlines()) == 1
    assert run([*asked, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def broken(folder: Path, kind: str, to: Path) -> Path:
    """Copy a folder and break it."""
    shutil.copytree(folder, to)
    if kind == "no weights":
        (to / "model.safetensors").unlink()
    elif kind == "pickle":
        (to / "model.safetensors").rename(to / "pytorch_model.bin")
    elif kind == "damaged":
        (to / "model.safetensors").write_bytes(b"nothing")
    elif kind == "other kind":
        (to / "config.json").write_text('{"model_type": "bert"}')
    elif kind == "own code":
        config = json.loads((to / "config.json").read_text())
        (to / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "a.B"}}))
    elif kind == "a part":
        from safetensors.torch import load_file, save_file

        weights = load_file(to / "model.safetensors")
        weights.pop("visual_projection.weight")
        save_file(weights, to / "model.safetensors", {"format": "pt"})
    elif kind == "other size":
        (to / "preprocessor_config.json").write_text('{"crop_size": {"height": 24, "width": 24}}')
    else:
        (to / kind).unlink()
    return to


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no weights", "model.safetensors is not there"),
        ("pickle", "pickle weights only"),
        ("damaged", "cannot be read"),
        ("other kind", "a model of type 'bert'"),
        ("own code", "auto_map"),
        ("a part", "lacks 1 weights, such as visual_projection.weight"),
        ("config.json", "config.json is not there"),
        ("preprocessor_config.json", "cannot be read"),
        ("tokenizer.json", "vocab.json and merges.txt are not there"),
        ("other size", "makes 24 x 24 px, and its network sees 32 x 32"),
    ],
)
def test_a_broken_folder_is_one_line(kind: str, said: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InkoverError, match=said) as problem:
        clip.load(str(broken(folder, kind, tmp_path / "broken")))
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--to", TARGET], "--to is read by CLIP alone"),
        (["--from", SOURCE], "--from is read by CLIP alone"),
        (["--to", " ", "--clip", "tabletop"], "--to is empty"),
        (["--clip", "nowhere"], "--clip nowhere is not there"),
        (["--list"], "--list"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line(
    asked: list[str], said: str, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", *photos, *asked]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert said in told.err and len(told.err.splitlines()) == 1
