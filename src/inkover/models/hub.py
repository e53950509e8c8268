"""Get a model from the hub: safetensors and settings only, pinned to a commit, hashes recorded, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from inkover.errors import InkoverError
from inkover.models.family import SUPPORTED, Family, stem_of
from inkover.models.fingerprint import file_hash
from inkover.models.folder import PICKLES, VARIANTS, read_json, read_layout, weight_names
from inkover.models.index import check_index
from inkover.models.remote import PART, RemoteFile, Repository, fetch, look_up
from inkover.models.store import Lock, hub_folder, read_lock, write_lock

Progress = Callable[[int, int], None]
"""Told how many bytes are there, and how many there will be."""


def _unwatched(done: int, total: int) -> None:
    """Look away."""


def get(hub_id: str, *, revision: str = "main", variant: str = "", progress: Progress = _unwatched) -> Path:
    """Bring a model of the hub onto this machine and return its folder.

    ``revision`` is a branch, tag or commit; it is pinned to the commit that it stands for now. ``variant`` "fp16" takes
    half-precision weights; without it full ones are taken, or half where there are no others. An interrupted get goes
    on where it stopped. Nothing is under the model's own folder before all of it is there and its hashes are right.
    """
    folder = hub_folder(hub_id)
    repository = look_up(hub_id, revision)
    if _is_whole(folder, repository, variant):
        return folder
    partial = folder.parent / ".partial" / f"{folder.name}@{repository.commit[:12]}"
    with _alone(partial):
        files = _choose(repository, _family(repository, partial), variant)
        _sweep(partial, files)
        _check_space(partial, files)
        _fetch_all(repository, files, partial, progress)
        read_layout(hub_id, partial)
        hashes = {file.path: file.hash if len(file.hash) == 64 else file_hash(partial / file.path) for file in files}
        write_lock(partial, Lock(hub_id, repository.commit, hashes))
        _put_in_place(partial, folder)
    return folder


def _is_whole(folder: Path, repository: Repository, variant: str) -> bool:
    """Say whether the folder holds this commit, undamaged, with the weights that are asked for."""
    try:
        lock = read_lock(folder)
        if lock is None or lock.revision != repository.commit:
            return False
        family = check_index(repository.hub_id, read_json(repository.hub_id, folder / "model_index.json"))
    except InkoverError:
        return False
    if set(lock.files) != {file.path for file in _choose(repository, family, variant)}:
        return False
    return all((folder / path).is_file() and file_hash(folder / path) == digest for path, digest in lock.files.items())


def _family(repository: Repository, partial: Path) -> Family:
    """Fetch the model's description alone, and return its family; InkoverError when it is of none that can be used."""
    index = repository.files.get("model_index.json")
    if index is None:
        reason = "is not in the diffusers layout (no model_index.json)"
        raise InkoverError(f"{repository.hub_id} {reason}; what can be used: {SUPPORTED}")
    fetch(repository, index, partial, lambda done: None)
    return check_index(repository.hub_id, read_json(repository.hub_id, partial / index.path))


def _choose(repository: Repository, family: Family, variant: str) -> list[RemoteFile]:
    """Return the files that make the model, smallest first."""
    files = repository.files
    paths = [path for path in files if _is_setting(path, family)]
    paths += [path for part in family.networks for path in _weights(repository, part, variant)]
    unknown = [path for path in paths if len(files[path].hash) not in (40, 64)]
    if unknown:
        raise InkoverError(
            f"{repository.endpoint} gives no hash for {unknown[0]}, so it cannot be checked: try another"
        )
    return sorted((files[path] for path in paths), key=lambda file: (file.size, file.path))


def _is_setting(path: str, family: Family) -> bool:
    """Say whether a path is a configuration or tokenizer file of one of the family's parts, and nowhere else."""
    parts = PurePosixPath(path).parts
    if len(parts) != 2:
        return path == "model_index.json"
    part, file = parts
    return (
        (part in family.networks and file == "config.json")
        or (part == "scheduler" and file == "scheduler_config.json")
        or (part in family.tokenizers and file.endswith((".json", ".txt")))
    )


def _weights(repository: Repository, part: str, variant: str) -> list[str]:
    """Return the paths of a network's weights in the first variant that is there."""
    trunk, names = stem_of(part), {path for path in repository.files if path.startswith(f"{part}/")}
    for kind in (variant,) if variant else VARIANTS:
        single, index = (f"{part}/{file}" for file in weight_names(trunk, kind))
        if single in names:
            return [single]
        if index in names:
            shards = f"{part}/{trunk}.{kind}-" if kind else f"{part}/{trunk}-"
            return [index, *sorted(path for path in names if path.startswith(shards) and path.endswith(".safetensors"))]
    if any(path.endswith(".safetensors") for path in names):
        raise InkoverError(f"{repository.hub_id} has no {variant or 'full or fp16'} weights of its {part}")
    pickles = sorted(path for path in names if path.endswith(PICKLES))
    what = (
        f"pickle weights only ({pickles[0]}), which can run code when read" if pickles else f"no weights of its {part}"
    )
    raise InkoverError(f"{repository.hub_id} has {what}: get a model that has safetensors")


def _sweep(partial: Path, files: list[RemoteFile]) -> None:
    """Remove what an earlier get of other weights left behind: only what is asked for may come into the model."""
    wanted = {partial / file.path for file in files}
    wanted |= {partial / f"{file.path}{PART}" for file in files}
    for path in partial.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def _check_space(partial: Path, files: list[RemoteFile]) -> None:
    wanted = sum(file.size for file in files)
    there = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    free = shutil.disk_usage(partial).free
    if wanted - there > free:
        sizes = f"{(wanted - there) / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free"
        raise InkoverError(
            f"the disk of {partial.parent.parent} is too full: {sizes}; set INKOVER_MODELS to another folder"
        )


def _fetch_all(repository: Repository, files: list[RemoteFile], partial: Path, progress: Progress) -> None:
    total, before = sum(file.size for file in files), 0
    for file in files:
        fetch(repository, file, partial, lambda done, before=before: progress(before + done, total))  # type: ignore[misc]
        before += file.size


def _put_in_place(partial: Path, folder: Path) -> None:
    """Let the new folder take the old one's place by renaming; the old one comes back if that fails."""
    old = partial.with_name(f"{partial.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        partial.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    for leftover in partial.parent.glob(f"{folder.name}@*/"):  # of this commit and of others that were given up
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Make the folder and hold it against other processes that get the same model."""
    from filelock import FileLock, Timeout

    try:
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InkoverError(
            f"{partial.parent.parent} cannot be written to ({problem.strerror}): set INKOVER_MODELS"
        ) from problem
    try:
        with FileLock(partial.with_name(f"{partial.name}.lock"), timeout=0):
            yield
    except Timeout as problem:
        name = partial.name.partition("@")[0].replace("--", "/", 1)
        raise InkoverError(f"another process is getting {name} just now: wait for it") from problem
