"""Writing a whole file or nothing."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from pathlib import Path

from inkover.errors import InkoverError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is complete or not there: beside its place, flushed to the disk, then renamed over it."""
    part = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(6)}.part")
    try:
        _written(part, data)
        if path.exists():
            part.chmod(path.stat().st_mode & 0o777)
        os.replace(part, path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise InkoverError(_said(path, problem)) from None
    except BaseException:  # Ctrl-C too leaves nothing behind
        part.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def writable(folder: Path) -> bool:
    """Tell whether a file can be made in a folder, by making one: what rights say of it is not always so."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part"):
            return True
    except OSError:
        return False


def _written(part: Path, data: bytes) -> None:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass  # some file systems cannot flush folders; the file itself is safe
    finally:
        os.close(handle)


def _said(path: Path, problem: OSError) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path} cannot be written, the disk is full: nothing was left there, free some space"
    return f"{path} cannot be written ({problem.strerror or problem}): choose a folder that you can write to"
