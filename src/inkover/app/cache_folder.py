"""The cache's folder: whole files or none, room for new ones, and nobody else's files touched."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

HOUR = 3600.0  # seconds after which nobody still writes a temporary file
LOCK = ".inkover.lock"
PATIENCE = 5.0  # seconds to wait for another process that makes room
# Only names of ours: the folder may hold other people's files.
ENTRY = re.compile(r"[0-9a-f]{64}\.safetensors")
PART = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{12}\.part")


def put(path: Path, data: bytes) -> None:
    """Write a file that is complete or not there, and make its folder; OSError where it cannot be.

    It is not flushed to the disk, as an output is: after a power cut the seal shows what was lost.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # for its owner alone: a track holds the photo
    part = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        remove(part)
        raise


def make_room(root: Path, limit: int) -> None:
    """Remove the least recently used entries until all are within ``limit`` bytes, one process at a time.

    Where that cannot be now, a later write does it.
    """
    from filelock import FileLock

    with suppress(OSError, NotImplementedError):  # a Timeout is an OSError
        with FileLock(root / LOCK, timeout=PATIENCE):
            remove_leftovers(root)
            found = files(root, ENTRY)
            over = sum(state.st_size for _, state in found) - limit
            for path, state in found:
                if over > 0 and remove(path):
                    over -= state.st_size


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files of processes that were killed."""
    for path, state in files(root, PART):
        if time.time() - state.st_mtime > HOUR:
            remove(path)


def files(root: Path, name: re.Pattern[str]) -> list[tuple[Path, os.stat_result]]:
    """Return a folder's files whose names match, the least recently used first; none where there is no folder."""
    found = []
    with suppress(OSError):
        for path in (root / file for file in os.listdir(root) if name.fullmatch(file)):
            with suppress(OSError):  # another process may have removed it just now
                found.append((path, path.lstat()))
    regular = [(path, state) for path, state in found if stat.S_ISREG(state.st_mode)]
    return sorted(regular, key=lambda file: (file[1].st_mtime_ns, file[0].name))


def remove(path: Path) -> bool:
    """Remove a file and tell whether it is gone; another process may have done it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        return True
    return False


def unwritten(root: Path, problem: OSError) -> str:
    """Say why nothing is kept, and what to do."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    why = "it is no folder" if isinstance(problem, FileExistsError) else problem.strerror or str(problem)
    mend = "free some space" if full else "set INKOVER_CACHE to a folder you can write to"
    return f"inversions cannot be kept in {root} ({why}): {mend}, or INKOVER_CACHE_LIMIT=0 to keep none"
