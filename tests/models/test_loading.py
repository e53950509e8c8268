"""Every form a model can be given in, and every way in which it can be the wrong thing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from inkover.errors import InkoverError
from inkover.models import catalog, store
from inkover.models.contract import Model
from inkover.models.loading import load
from inkover.models.store import LOCK, Lock, write_lock
from tiny import tiny_components, tiny_folder, tiny_pipeline


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(original, tmp_path / "model"))


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKOVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def answer(model: Model) -> torch.Tensor:
    x = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    return model.predict(x, model.levels(4)[1], {"row": model.text("a red ball on grass")}).eps


def refused(match: str, spec: Any, **options: Any) -> None:
    with pytest.raises(InkoverError, match=match) as caught:
        load(spec, **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_folder_components_and_pipeline_are_one_model(original: Path) -> None:
    given = [original, str(original), tiny_components(), tiny_pipeline()]
    answers = [answer(load(spec, device="cpu")) for spec in given]
    for found in answers[1:]:
        torch.testing.assert_close(found, answers[0], atol=1e-5, rtol=1e-5)


def test_names() -> None:
    assert load(tiny_components()).name == "components"
    assert load(tiny_pipeline()).name == "StableDiffusionPipeline"


def test_wrapping_changes_nothing_of_the_pipeline() -> None:
    pipeline = tiny_pipeline()
    before = {name: (value.data_ptr(), value.requires_grad) for name, value in pipeline.unet.named_parameters()}
    answer(load(pipeline))
    assert before == {name: (v.data_ptr(), v.requires_grad) for name, v in pipeline.unet.named_parameters()}


def test_a_fingerprint_belongs_to_the_weights(original: Path, folder: Path) -> None:
    first = load(original, device="cpu").fingerprint
    assert len(first) == 64 and first == load(folder, device="cpu", dtype="bfloat16").fingerprint
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    stat = weights.stat()
    save_file({**tensors, "conv_in.bias": tensors["conv_in.bias"] + 1}, weights, metadata={"format": "pt"})
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size, same date, other weights
    assert weights.stat().st_size == stat.st_size
    assert load(folder, device="cpu").fingerprint != first


def test_a_fingerprint_of_live_networks_belongs_to_weights_and_settings() -> None:
    first = load(tiny_components()).fingerprint
    assert first == load(tiny_components()).fingerprint == load(tiny_pipeline()).fingerprint
    assert first != load(tiny_components("v_prediction")).fingerprint
    assert first != load(tiny_components(seed=1)).fingerprint


def test_sharded_and_half_precision_weights_are_found(folder: Path, original: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    torch.testing.assert_close(answer(load(folder, device="cpu")), answer(load(original, device="cpu")))
    pipeline = tiny_pipeline()
    pipeline.unet.save_pretrained(folder / "unet", max_shard_size="100KB")
    weights.with_name("diffusion_pytorch_model.fp16.safetensors").unlink()
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    torch.testing.assert_close(answer(load(folder, device="cpu")), answer(load(original, device="cpu")))


def test_weights_stored_in_half_precision_compute_in_the_asked_dtype(folder: Path) -> None:
    for part in ("unet", "text_encoder", "vae"):
        (file,) = (folder / part).glob("*.safetensors")
        save_file({key: value.half() for key, value in load_file(file).items()}, file, metadata={"format": "pt"})
    model: Any = load(folder, device="cpu")
    assert {model.parts.unet.dtype, model.parts.vae.dtype, model.parts.text_encoder.dtype} == {torch.float32}


def test_names_of_text_weights_from_before_transformers_5(folder: Path, original: Path) -> None:
    file = folder / "text_encoder" / "model.safetensors"
    old = {f"text_model.{key.removeprefix('text_model.')}": value for key, value in load_file(file).items()}
    save_file(old, file, metadata={"format": "pt"})
    torch.testing.assert_close(answer(load(folder, device="cpu")), answer(load(original, device="cpu")))


def test_names_of_autoencoder_weights_as_published_for_stable_diffusion_1(folder: Path, original: Path) -> None:
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {re.sub("to_q|to_k|to_v|to_out.0", lambda m: names[m[0]], key): v for key, v in load_file(file).items()}
    assert any("proj_attn" in key for key in old)
    save_file(old, file, metadata={"format": "pt"})
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    a, b = (load(path, device="cpu") for path in (folder, original))
    assert torch.equal(a.decode(a.encode(pixels)), b.decode(b.encode(pixels)))


def test_vocabulary_files_from_before_transformers_5(folder: Path, original: Path) -> None:
    table = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(table["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in table["merges"]]
    (folder / "tokenizer" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    (folder / "tokenizer" / "tokenizer.json").unlink()
    torch.testing.assert_close(answer(load(folder, device="cpu")), answer(load(original, device="cpu")))


def test_loading_is_silent(original: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(original, device="cpu")
    load(tiny_components())
    assert capfd.readouterr() == ("", "")


def test_nothing_of_the_libraries_logging_is_left_changed(original: Path) -> None:
    import diffusers.utils.logging as log
    from huggingface_hub.utils import are_progress_bars_disabled

    before = (log.get_verbosity(), log.is_progress_bar_enabled(), are_progress_bars_disabled())
    load(original, device="cpu")
    assert (log.get_verbosity(), log.is_progress_bar_enabled(), are_progress_bars_disabled()) == before


# what is wrong, in which file, and what is said


def drop(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def pickled(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def spoiled(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def incomplete(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    del tensors["conv_in.bias"]
    save_file(tensors, weights, metadata={"format": "pt"})


def incomplete_text(folder: Path) -> None:
    weights = folder / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    del tensors[next(key for key in tensors if "layers.1.mlp.fc1.weight" in key)]
    save_file(tensors, weights, metadata={"format": "pt"})


def lost_shard(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    table = {"metadata": {}, "weight_map": {"conv_in.bias": "diffusion_pytorch_model-00001-of-00002.safetensors"}}
    weights.with_name(f"{weights.name}.index.json").write_text(json.dumps(table))


def index(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / "model_index.json", **changes)


def setting(part: str, **changes: Any) -> Callable[[Path], None]:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return lambda folder: rewrite(folder / part / name, **changes)


def not_json(folder: Path) -> None:
    (folder / "vae" / "config.json").write_text("{")


WRONG: list[tuple[Callable[[Path], None], str]] = [
    (drop("model_index.json"), "has no model_index.json"),
    (drop("unet/config.json"), r"missing parts: unet/config.json"),
    (drop("scheduler/scheduler_config.json"), r"missing parts: scheduler/scheduler_config.json"),
    (drop("tokenizer/tokenizer.json"), r"missing parts: tokenizer/vocab.json and merges.txt"),
    (drop("vae/diffusion_pytorch_model.safetensors"), r"missing parts: vae/diffusion_pytorch_model.safetensors"),
    (lost_shard, r"missing parts: unet/diffusion_pytorch_model-00001-of-00002.safetensors"),
    (pickled, r"pickle weights only \(unet/diffusion_pytorch_model.bin\)"),
    (spoiled, "its vae cannot be read"),
    (incomplete, "its unet lacks 1 weights, such as conv_in.bias"),
    (incomplete_text, "its text_encoder lacks 1 weights, such as .*fc1.weight"),
    (setting("unet", block_out_channels=[16, 64]), "its unet cannot be read|do not fit"),
    (not_json, "vae/config.json cannot be read"),
    (index(_class_name=["pipeline.py", "Mine"]), "asks for code of its own"),
    (index(unet=["my_code", "MyUNet"]), r"code of its own \(my_code.MyUNet\)"),
    (setting("unet", auto_map={"AutoModel": "x.Y"}), "its unet asks for code of its own"),
    (setting("text_encoder", auto_map={"AutoModel": "x.Y"}), "its text_encoder asks for code of its own"),
    (setting("unet", quantization_config={"quant_method": "bitsandbytes"}), "its unet is quantised"),
    (
        index(_class_name="StableDiffusionXLPipeline", text_encoder_2=["transformers", "CLIPTextModelWithProjection"]),
        r"XLPipeline without a tokenizer_2; what can be used: Stable Diffusion 1.x, 2.x, XL and 3, and Flux",
    ),
    (
        index(_class_name="StableDiffusion3Pipeline", unet=None, transformer=["diffusers", "SD3Transformer2DModel"]),
        "it is a StableDiffusion3Pipeline whose text_encoder is a CLIPTextModel; what can be used",
    ),
    (
        index(_class_name="FluxPipeline", unet=None, transformer=["diffusers", "FluxTransformer2DModel"]),
        "it is a FluxPipeline without a text_encoder_2; what can be used",
    ),
    (
        index(_class_name="SanaPipeline", unet=None, transformer=["diffusers", "SanaTransformer2DModel"]),
        "it is a SanaPipeline whose transformer is a SanaTransformer2DModel; what can be used",
    ),
    (index(unet=None, transformer=["my_code", "Mine"]), r"its transformer asks for code of its own \(my_code.Mine\)"),
    (index(_class_name="KandinskyPipeline", vae=["diffusers", "VQModel"]), "whose vae is a VQModel"),
    (setting("unet", addition_embed_type="text_time"), "told more than latent, time and words; what can be used"),
    (setting("unet", in_channels=9), "reads 9 channels where the photo has 4: it is made for inpainting"),
    (setting("unet", out_channels=8), "answers with 8 channels, not 4"),
    (setting("unet", time_cond_proj_dim=256), "distilled"),
    (setting("unet", class_embed_type="timestep"), "class label"),
    (setting("unet", cross_attention_dim=64), r"differ in width \(64 and 32\)"),
    (setting("unet", sample_size=[16, 24]), r"sample_size .* is \[16, 24\], expected one whole number"),
    (setting("scheduler", prediction_type="flow"), "prediction_type is 'flow'"),
    (setting("scheduler", beta_schedule="strange"), "beta_schedule is 'strange'"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_folder_that_is_wrong_is_refused_with_the_reason(
    spoil: Callable[[Path], None], said: str, folder: Path
) -> None:
    spoil(folder)
    refused(said, folder, device="cpu")


def test_places_and_numbers(original: Path) -> None:
    refused("float16 on a CPU is slow and overflows: use dtype float32", original, device="cpu", dtype="float16")
    refused("unknown dtype 'half': .*known: float32, bfloat16, float16", original, dtype="half")
    refused("unknown device 'gpu': .*known: auto, cpu, cuda, mps", original, device="gpu")
    if not torch.cuda.is_available():
        refused("device 'cuda' is not there on this machine: use one of cpu", original, device="cuda")
    refused("is a folder, which describes itself: leave --config out", original, device="cpu", config=original)


def test_names_that_stand_for_nothing() -> None:
    refused("unknown model 'tabletopp': did you mean 'tabletop'", "tabletopp")
    refused("no such model file or folder: ./nowhere", "./nowhere")
    refused("no such model file or folder", Path("nowhere"))
    refused("no such model file or folder: model.safetensors", "model.safetensors")
    refused(
        "someone/something is not on this machine: type `inkover models get someone/something`", "someone/something"
    )
    refused("a model is given as a name, a folder, .* not as int", 7)


def test_live_networks_that_do_not_fit() -> None:
    parts = tiny_components()
    refused("components has no vae", {**parts, "vae": None})
    refused("its unet is of class AutoencoderKL, expected UNet2DConditionModel", {**parts, "unet": parts["vae"]})
    refused("has no tokenizer_2", {**parts, "text_encoder_2": parts["text_encoder"]})
    refused("further networks", {**parts, "text_encoder_3": parts["text_encoder"]})
    refused("computes in float32, not in bfloat16", parts, dtype="bfloat16")
    refused("is on cpu, not on cuda", parts, device="cuda")
    refused("its unet is in training mode", {**parts, "unet": tiny_components()["unet"].train()})
    refused("float16 on a CPU", {**tiny_components(), "unet": tiny_components()["unet"].half()})
    parts["unet"].register_to_config(addition_embed_type="text_time")
    refused("told more than", parts)


def test_a_float16_autoencoder_is_used_in_float32_and_left_alone() -> None:
    parts = tiny_components()
    parts["vae"].half()
    model: Any = load(parts)
    assert model.parts.vae.dtype == torch.float32 and parts["vae"].dtype == torch.float16


def got(folder: Path, hub_id: str) -> Path:
    """Put a folder into the store as if it had been got."""
    from inkover.models.fingerprint import file_hash

    home = Path(shutil.copytree(folder, store.hub_folder(hub_id)))
    files = {path.relative_to(home).as_posix(): file_hash(path) for path in home.rglob("*") if path.is_file()}
    write_lock(home, Lock(hub_id, "0" * 40, files))
    return home


def test_what_was_got_loads_by_its_hub_id_and_is_checked(original: Path) -> None:
    home = got(original, "some-one/a.model")
    assert load("some-one/a.model", device="cpu").name == "some-one/a.model"
    rewrite(home / "unet" / "config.json", act_fn="gelu")
    refused("unet/config.json is not the file that was got from the hub: type `inkover models get", "some-one/a.model")
    (home / LOCK).write_text("{}")
    refused(f"{LOCK} is damaged", "some-one/a.model")


def test_catalog(original: Path) -> None:
    home = got(original, "b/model")
    half = got(original, "a/model")
    (half / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    first, *rest = catalog.listing()
    assert (first.name, first.kind) == ("tabletop", "bundled") and first.folder.parts[-2:] == ("tabletop", "weights")
    assert [(entry.name, entry.kind, entry.present) for entry in rest] == [
        ("a/model", "hub", False),
        ("b/model", "hub", True),
    ]
    assert rest[1].folder == home


def test_listing_needs_no_heavy_import() -> None:
    import subprocess
    import sys

    code = "import sys; from inkover.models import catalog; catalog.listing(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
