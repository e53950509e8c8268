"""A model in the diffusers folder layout: what lies where, checked before any weight is read, and reading it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.models.fingerprint import file_hash
from inkover.models.supported import Config, check_configs, check_index, check_plain

if TYPE_CHECKING:
    from inkover.models.stable_diffusion import Parts

STEMS: Mapping[str, str] = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
"""The networks, and the stem of their weights' file names."""

VARIANTS = ("", "fp16")
"""Which weights are taken, the first that is there: full precision before half."""

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")


@dataclass(frozen=True, slots=True)
class Layout:
    """A checked model folder: every part's configuration, and the files that make the model what it is."""

    name: str
    folder: Path
    configs: Mapping[str, Config]  # of unet, vae, text_encoder, scheduler
    variants: Mapping[str, str]  # of each network that has weights here: "" or "fp16"
    files: tuple[Path, ...]  # what is hashed: weights, configurations, tokenizer


def read_layout(name: str, folder: Path, *, weights: bool = True) -> Layout:
    """Look a model folder through; InkoverError when it is not a whole model of a supported kind.

    Without ``weights`` the configurations and the tokenizer are enough.
    """
    if not (folder / "model_index.json").is_file():
        raise InkoverError(f"{name} is not a model folder: {folder} has no model_index.json (the diffusers layout)")
    check_index(name, read_json(name, folder / "model_index.json"))
    configs = {part: read_json(name, folder / part / "config.json") for part in STEMS}
    configs["scheduler"] = read_json(name, folder / "scheduler" / "scheduler_config.json")
    check_configs(name, configs["unet"], configs["vae"], configs["text_encoder"])
    found = {part: find_weights(name, folder / part, stem) for part, stem in STEMS.items()} if weights else {}
    settings = [folder / part / "config.json" for part in STEMS] + [folder / "scheduler" / "scheduler_config.json"]
    files = [file for _, group in found.values() for file in group] + settings + _tokenizer_files(name, folder)
    return Layout(name, folder, configs, {part: variant for part, (variant, _) in found.items()}, tuple(files))


def find_weights(name: str, folder: Path, stem: str) -> tuple[str, tuple[Path, ...]]:
    """Return the variant and the files of a network's weights; InkoverError when only pickles, or none, are there."""
    for variant in VARIANTS:
        single, index = weight_names(stem, variant)
        if (folder / single).is_file():
            return variant, (folder / single,)
        if (folder / index).is_file():
            return variant, _shards(name, folder, index)
    present = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    pickles = [file for file in present if file.endswith(PICKLES)]
    wanted = f"{folder.name}/{stem}.safetensors"
    if pickles:
        raise InkoverError(
            f"{name} has pickle weights only ({folder.name}/{pickles[0]}), which can run code when read: "
            f"use a copy of the model that has {wanted}"
        )
    raise InkoverError(f"{name} has missing parts: {wanted} is not there; get the model again")


def weight_names(stem: str, variant: str) -> tuple[str, str]:
    """Return the file names of weights in one file, and of the index of weights in several."""
    dot = f".{variant}" if variant else ""
    return f"{stem}{dot}.safetensors", f"{stem}.safetensors.index{dot}.json"


def read_json(name: str, path: Path) -> dict[str, Any]:
    """Read a JSON object; InkoverError when it is missing or is none."""
    part = f"{path.parent.name}/{path.name}"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InkoverError(f"{name} has missing parts: {part} is not there; get the model again") from None
    except (ValueError, OSError) as problem:
        raise InkoverError(f"{name}: {part} cannot be read ({first_line(problem)}); get the model again") from problem
    if not isinstance(value, dict):
        raise InkoverError(f"{name}: {part} holds no JSON object; get the model again")
    return value


def file_hashes(layout: Layout) -> dict[str, str]:
    """Return the SHA-256 of each file of a model, by its path inside the folder."""
    return {path.relative_to(layout.folder).as_posix(): file_hash(path) for path in layout.files}


def read_parts(layout: Layout) -> Parts:
    """Read the networks of a checked folder, on the CPU, in the dtype that they came in.

    InkoverError when weights are damaged or missing.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel

    from inkover.models.stable_diffusion import Parts

    return Parts(
        unet=_network(layout, "unet", UNet2DConditionModel),
        vae=_network(layout, "vae", AutoencoderKL),
        text_encoder=_network(layout, "text_encoder", CLIPTextModel, config=text_config(layout)),
        tokenizer=read_tokenizer(layout),
    )


def text_config(layout: Layout) -> Any:
    """Build the text encoder's configuration from the keys that describe a network, and from no others."""
    from transformers import CLIPTextConfig

    config = layout.configs["text_encoder"]
    return CLIPTextConfig(**{key: config[key] for key in TEXT_KEYS if config.get(key) is not None})


TEXT_KEYS = (
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "projection_dim",
    "use_attention_mask",
    "vocab_size",
)


def read_tokenizer(layout: Layout) -> Any:
    """Read a folder's CLIP tokenizer."""
    from transformers import CLIPTokenizer

    folder = layout.folder / "tokenizer"
    if (folder / "tokenizer_config.json").is_file():
        check_plain(layout.name, "tokenizer", read_json(layout.name, folder / "tokenizer_config.json"))
    try:
        return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as problem:
        raise InkoverError(f"{layout.name}: its tokenizer cannot be read ({first_line(problem)})") from problem


def _network(layout: Layout, part: str, kind: Any, **more: Any) -> Any:
    from safetensors import SafetensorError

    try:
        network, info = kind.from_pretrained(
            str(layout.folder / part),
            variant=layout.variants[part] or None,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **more,
        )
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as problem:
        raise InkoverError(
            f"{layout.name}: its {part} cannot be read ({first_line(problem)}); get it again"
        ) from problem
    missing = sorted(info["missing_keys"])
    if missing:
        raise InkoverError(
            f"{layout.name}: its {part} lacks {len(missing)} weights, such as {missing[0]}; get it again"
        )
    if info["mismatched_keys"]:
        raise InkoverError(f"{layout.name}: weights of its {part} do not fit its config.json; get the model again")
    return network


def _shards(name: str, folder: Path, index: str) -> tuple[Path, ...]:
    table = read_json(name, folder / index)
    shards = tuple(folder / shard for shard in sorted(set(table.get("weight_map", {}).values())))
    gone = [shard.name for shard in shards if not shard.is_file()]
    if gone or not shards:
        raise InkoverError(f"{name} has missing parts: {folder.name}/{(gone or [index])[0]}; get the model again")
    return (folder / index, *shards)


def _tokenizer_files(name: str, folder: Path) -> list[Path]:
    """Return the tokenizer's files; either tokenizer.json or vocab.json with merges.txt make one."""
    files = sorted(path for path in (folder / "tokenizer").glob("*") if path.suffix in (".json", ".txt"))
    names = {path.name for path in files}
    if "tokenizer.json" in names or {"vocab.json", "merges.txt"} <= names:
        return files
    raise InkoverError(f"{name} has missing parts: tokenizer/vocab.json and merges.txt are not there; get it again")


def first_line(problem: BaseException) -> str:
    """Return the first line of an exception, short."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
