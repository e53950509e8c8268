"""A model in the diffusers folder layout: what lies where, checked before any weight is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkover.errors import InkoverError
from inkover.models.family import Config, Family, stem_of
from inkover.models.fingerprint import file_hash
from inkover.models.index import check_index
from inkover.models.supported import check_configs

VARIANTS = ("", "fp16")
"""Which weights are taken, the first that is there: full precision before half."""

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")


@dataclass(frozen=True, slots=True)
class Layout:
    """A checked model folder: every part's configuration, and the files that make the model what it is."""

    name: str
    folder: Path
    family: Family  # with the parts that are there
    configs: Mapping[str, Config]  # of each network, and of the scheduler
    variants: Mapping[str, str]  # of each network that has weights here: "" or "fp16"
    files: tuple[Path, ...]  # what is hashed: weights, configurations, tokenizers


def read_layout(name: str, folder: Path, *, weights: bool = True) -> Layout:
    """Look a model folder through; InkoverError when it is not a whole model of a supported kind.

    Without ``weights`` the configurations and the tokenizers are enough.
    """
    if not (folder / "model_index.json").is_file():
        raise InkoverError(f"{name} is not a model folder: {folder} has no model_index.json (the diffusers layout)")
    family = check_index(name, read_json(name, folder / "model_index.json"))
    configs = {part: read_json(name, folder / part / "config.json") for part in family.networks}
    configs["scheduler"] = read_json(name, folder / "scheduler" / "scheduler_config.json")
    check_configs(name, configs, family)
    found = {part: find_weights(name, folder / part, stem_of(part)) for part in family.networks} if weights else {}
    settings = [folder / part / "config.json" for part in family.networks]
    files = [file for _, group in found.values() for file in group]
    files += [*settings, folder / "scheduler" / "scheduler_config.json"]
    files += [file for part in family.tokenizers for file in tokenizer_files(name, folder / part)]
    return Layout(name, folder, family, configs, {part: variant for part, (variant, _) in found.items()}, tuple(files))


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


def _shards(name: str, folder: Path, index: str) -> tuple[Path, ...]:
    table = read_json(name, folder / index)
    shards = tuple(folder / shard for shard in sorted(set(table.get("weight_map", {}).values())))
    gone = [shard.name for shard in shards if not shard.is_file()]
    if gone or not shards:
        raise InkoverError(f"{name} has missing parts: {folder.name}/{(gone or [index])[0]}; get the model again")
    return (folder / index, *shards)


def tokenizer_files(name: str, folder: Path) -> list[Path]:
    """Return a tokenizer's files: tokenizer.json makes one, and for CLIP so do vocab.json and merges.txt."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".json", ".txt"))
    names = {path.name for path in files}
    if "tokenizer.json" in names or {"vocab.json", "merges.txt"} <= names:
        return files
    if any(folder.glob("*.model")):
        wanted = f"{folder.name}/tokenizer.json is not there, and its .model file alone is not read"
    else:
        wanted = f"{folder.name}/vocab.json and merges.txt are not there"
    raise InkoverError(f"{name} has missing parts: {wanted}; get it again")


def first_line(problem: BaseException) -> str:
    """Return the first line of an exception, short."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
