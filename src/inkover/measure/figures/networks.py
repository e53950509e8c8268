"""Networks that measure, read from a transformers folder: safetensors only, and nothing left at random values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inkover.errors import InkoverError
from inkover.models.family import check_plain
from inkover.models.fingerprint import file_hash, hash_of_hashes
from inkover.models.folder import find_weights, first_line, read_json

KEPT = (".json", ".txt", ".safetensors")
"""What makes a network what it is: configurations, vocabularies, weights."""


def network(option: str, folder: Path, kind: str, model_type: str, **more: Any) -> Any:
    """Return a transformers network of that class in float32; InkoverError where the folder holds another, or a part.

    ``option`` is how the folder was given, for what is said of it.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    name = f"{option} {folder}"
    check_folder(option, folder, kind)
    config = read_json(name, folder / "config.json")
    if config.get("model_type") != model_type:
        raise InkoverError(f"{name} holds a model of type {config.get('model_type')!r}: give a {kind} of transformers")
    check_plain(name, "network", config)
    variant, _ = find_weights(name, folder, "model")
    try:
        found, info = getattr(transformers, kind).from_pretrained(
            folder,
            variant=variant or None,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **more,
        )
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, KeyError) as problem:
        raise InkoverError(f"{name} cannot be read ({first_line(problem)}): get the model again") from problem
    if lacking := sorted(info["missing_keys"]):
        raise InkoverError(f"{name} lacks {len(lacking)} weights, such as {lacking[0]}: get the model again")
    return found.eval()


def check_folder(option: str, folder: Path, kind: str) -> None:
    """Refuse what is no folder."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise InkoverError(f"{option} {folder} {what}: give the folder of a {kind}, with config.json and safetensors")


def named(folder: Path) -> str:
    """Return what a folder's model is called in a report: where it is, and the SHA-256 of its files."""
    files = sorted(path for path in folder.iterdir() if path.suffix in KEPT and path.is_file())
    return f"{folder} sha256:{hash_of_hashes({path.name: file_hash(path) for path in files})}"
