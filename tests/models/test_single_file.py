"""A model in one file, as Stable Diffusion was published, described by a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from inkover.errors import InkoverError
from inkover.models import store
from inkover.models.loading import load
from published import save_published
from tiny import flow_folder, tiny_folder, tiny_pipeline

KINDS = ("epsilon", "v_prediction")


@pytest.fixture(scope="module", params=KINDS)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"), request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def description(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder without weights, and with a part that one file never holds."""
    home = tmp_path_factory.mktemp("config") / "model"
    return Path(shutil.copytree(folder, home, ignore=shutil.ignore_patterns("*.safetensors")))


@pytest.fixture(scope="module")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_published(tiny_pipeline(), tmp_path_factory.mktemp("file") / "model.safetensors")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path / "models"))


def refused(match: str, spec: Any, **options: Any) -> None:
    with pytest.raises(InkoverError, match=match) as caught:
        load(spec, device="cpu", **options)
    assert "\n" not in str(caught.value)


def test_a_file_is_the_folder_it_was_made_from(file: Path, either: Path, capfd: pytest.CaptureFixture[str]) -> None:
    single, whole = load(file, device="cpu", config=either), load(either, device="cpu")
    x = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    level = whole.levels(4)[1]
    a, b = (model.predict(x, level, {"row": model.text("a red ball")}) for model in (single, whole))
    torch.testing.assert_close(a.x0, b.x0, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(single.encode(pixels), whole.encode(pixels), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(single.decode(x), whole.decode(x), atol=1e-5, rtol=1e-5)
    assert single.fingerprint != whole.fingerprint and single.resolution == whole.resolution
    assert capfd.readouterr() == ("", "")


def test_loading_in_a_fresh_process_says_nothing(file: Path, description: Path, folder: Path) -> None:
    code = (
        "import sys; from inkover.models.loading import load; load(sys.argv[1], config=sys.argv[2]); load(sys.argv[3])"
    )
    words = [sys.executable, "-c", code, str(file), str(description), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_without_accelerate_a_file_is_refused(file: Path, description: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffusers.utils.is_accelerate_available", lambda: False)
    refused("type `pip install accelerate`", file, config=description)


def test_without_a_description_the_fix_is_named(file: Path, description: Path) -> None:
    home = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    refused(f"add --config FOLDER .* or type `inkover models get {home}` once", file)
    shutil.copytree(description, store.hub_folder(home))
    store.write_lock(store.hub_folder(home), store.Lock(home, "0" * 40, {}))
    assert load(file, device="cpu").resolution == 64
    refused("has no model_index.json", file, config=file.parent)


def test_files_that_are_no_model(file: Path, description: Path, tmp_path: Path) -> None:
    tensors = load_file(file)

    def saved(name: str, keep: dict[str, torch.Tensor]) -> Path:
        save_file(keep, tmp_path / name)
        return tmp_path / name

    (tmp_path / "model.ckpt").write_bytes(b"pickle")
    (tmp_path / "model.gguf").write_bytes(b"other")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:5000])
    refused("is a pickle, which can run code when read", tmp_path / "model.ckpt")
    refused("is not a model: give a .safetensors file", tmp_path / "model.gguf")
    refused("cannot be read .*: get the file again", tmp_path / "cut.safetensors")
    refused("not a whole model", saved("lora.safetensors", {"lora_unet_up.weight": torch.zeros(1)}))
    for prefix, part in (("model.", "unet"), ("first_", "vae"), ("cond_", "text_encoder")):
        lost = next(key for key in sorted(tensors) if key.startswith(prefix) and key.endswith("bias"))
        poor = {key: value for key, value in tensors.items() if key != lost}
        refused("lacks (1 )?weights", saved(f"{part}.safetensors", poor), config=description)
    xl = {**tensors, "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": torch.zeros(1)}
    refused(
        "is of the family xl_base, which cannot be read from one file; what can: Stable Diffusion 1",
        saved("xl.safetensors", xl),
        config=description,
    )


def test_a_description_of_another_family_is_refused(file: Path, description: Path, tmp_path: Path) -> None:
    import json

    other = Path(shutil.copytree(description, tmp_path / "other"))
    config = other / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "block_out_channels": [16, 64]}))
    refused("does not fit the description", file, config=other)
    refused("describes a Flux, not .*: give a folder of its family", file, config=flow_folder(tmp_path, "flux"))
