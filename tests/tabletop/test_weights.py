"""The model that the package ships."""

import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from inkover.measure.figures import embedded
from inkover.models.loading import load
from inkover.tabletop import folder, likeness, probe
from inkover.tabletop.captions import caption

SHOWN = embedded.scenes(16, 5)


def test_the_weights_are_small_and_safe() -> None:
    files = [path for path in folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt"}
    assert json.loads((folder() / "model_index.json").read_text())["_class_name"] == "StableDiffusionPipeline"


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
def test_a_plain_pipeline_runs_it(dtype: torch.dtype | None) -> None:
    kind = {} if dtype is None else {"dtype": dtype}
    pipe = StableDiffusionPipeline.from_pretrained(folder(), use_safetensors=True, local_files_only=True, **kind)
    pipe.set_progress_bar_config(disable=True)
    picture = pipe("a red ball on grass", num_inference_steps=3, guidance_scale=3.0, output_type="np").images[0]
    assert picture.shape == (128, 128, 3)
    assert picture.std() > 0.02


def test_photos_come_back_through_the_autoencoder_and_through_noise() -> None:
    model = load("tabletop")
    assert embedded.round_trip(model, SHOWN).value > 30
    assert embedded.encode_decode(model, SHOWN[:2], steps=20).value > 25


def test_the_probe_reads_renders() -> None:
    judge = probe.load(folder())
    for figure in embedded.attributes(judge, SHOWN):
        assert figure.value > 0.8, figure


def test_the_encoders_tell_photos_apart() -> None:
    pairs = likeness.load(folder())
    photos = np.stack([embedded.render(scene, 128).pixels for scene in SHOWN])
    best = pairs.scores(photos, [caption(scene) for scene in SHOWN]).argmax(1)
    assert (best == torch.arange(len(SHOWN))).float().mean() > 0.5
