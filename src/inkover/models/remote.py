"""One repository of the hub, through the hub's own library: which files, how big, which hashes; and fetching one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inkover.errors import InkoverError
from inkover.models.fingerprint import file_hash
from inkover.models.folder import first_line
from inkover.models.quiet import quiet

COMMIT = re.compile(r"[0-9a-f]{40}")

PART = ".part"
"""What is put behind the name of a file that is not whole yet."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: its size in bytes, and the hash that the hub gives for it."""

    path: str
    size: int
    hash: str  # SHA-256, or Git's SHA-1 of the blob for files that Git itself keeps


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit."""

    hub_id: str
    endpoint: str
    commit: str
    files: Mapping[str, RemoteFile]


def endpoint() -> str:
    """Return the hub's address: ``HF_ENDPOINT``, or the public hub."""
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")


def look_up(hub_id: str, revision: str) -> Repository:
    """Ask the hub what a repository holds, at the commit that a branch, tag or commit name stands for."""
    from huggingface_hub import HfApi

    with told(hub_id, revision):
        info = HfApi(endpoint=endpoint()).model_info(hub_id, revision=revision, files_metadata=True, timeout=20)
    if info.sha is None or not COMMIT.fullmatch(info.sha):
        raise InkoverError(f"{endpoint()} names no commit for {hub_id}: it is not a hub; check HF_ENDPOINT")
    files = [
        RemoteFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else file.blob_id or "")
        for file in info.siblings or []
    ]
    return Repository(hub_id, endpoint(), info.sha, {file.path: file for file in files})


def fetch(repository: Repository, file: RemoteFile, folder: Path, progress: Callable[[int], None]) -> None:
    """Fetch a file into a folder, from where an interrupted fetch left off; InkoverError when its hash is wrong.

    ``progress`` is told how many bytes of this file are there. Nothing lies under the file's own name before it is
    whole and its hash is right.
    """
    whole = folder / file.path
    if whole.is_file() and is_same(whole, file):
        return progress(file.size)
    whole.parent.mkdir(parents=True, exist_ok=True)
    part = whole.with_name(f"{whole.name}{PART}")
    _fetch_part(repository, file, part, progress)
    if not is_same(part, file):
        part.unlink()
        raise InkoverError(f"{repository.hub_id}: {file.path} came with a wrong hash and was thrown away: try again")
    part.replace(whole)


def is_same(path: Path, file: RemoteFile) -> bool:
    """Say whether a file's bytes have the hash that the hub gave."""
    if path.stat().st_size != file.size:
        return False
    return file.hash == (file_hash(path) if len(file.hash) == 64 else _blob_hash(path, file.size))


def _blob_hash(path: Path, size: int) -> str:
    """Return the name that Git gives to a file's contents; the files are small."""
    return hashlib.sha1(f"blob {size}\0".encode() + path.read_bytes(), usedforsecurity=False).hexdigest()


def _fetch_part(repository: Repository, file: RemoteFile, part: Path, progress: Callable[[int], None]) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    url = hf_hub_url(repository.hub_id, file.path, revision=repository.commit, endpoint=repository.endpoint)
    if part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    with told(repository.hub_id, repository.commit), quiet(), part.open("ab") as raw:
        there = raw.tell()
        progress(there)
        target: BinaryIO = _Told(raw, progress)  # type: ignore[assignment]  # the four calls that http_get makes
        http_get(url, target, resume_size=there, headers=build_hf_headers(), expected_size=file.size)
        raw.flush()
        os.fsync(raw.fileno())


@dataclass(frozen=True, slots=True)
class _Told:
    """A file open for writing that tells how far it is."""

    raw: BinaryIO
    progress: Callable[[int], None]

    def write(self, data: bytes) -> int:
        written = self.raw.write(data)
        self.progress(self.raw.tell())
        return written

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.raw.seek(offset, whence)

    def tell(self) -> int:
        return self.raw.tell()

    def truncate(self, size: int | None = None) -> int:
        return self.raw.truncate(size)


@contextmanager
def told(hub_id: str, revision: str) -> Iterator[None]:
    """Turn what can go wrong with the hub, the network and the disk into one-line errors."""
    from httpx2 import HTTPError
    from huggingface_hub import errors

    address = endpoint()
    try:
        yield
    except errors.GatedRepoError as problem:
        raise InkoverError(f"{hub_id}: accept its licence at {address}/{hub_id}, then `hf auth login`") from problem
    except errors.RepositoryNotFoundError as problem:
        raise InkoverError(
            f"{address} has no model {hub_id}: check the spelling; a private one needs `hf auth login`"
        ) from problem
    except errors.RevisionNotFoundError as problem:
        raise InkoverError(f"{hub_id} has no revision {revision!r}: leave --revision out for the newest") from problem
    except errors.HfHubHTTPError as problem:
        raise InkoverError(
            f"{address} answered {problem.response.status_code} for {hub_id}: try again later"
        ) from problem
    except (HTTPError, errors.OfflineModeIsEnabled, ConnectionError) as problem:
        hint = "check the network, or copy a model folder here and give it as --model"
        raise InkoverError(f"no connection to {address} for {hub_id}: {hint}") from problem
    except OSError as problem:
        raise InkoverError(
            f"{hub_id} could not be fetched ({first_line(problem)}): the same command goes on from here"
        ) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise InkoverError(f"{address} does not answer as a hub does for {hub_id}: check HF_ENDPOINT") from problem
