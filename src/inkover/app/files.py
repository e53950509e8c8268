"""Where results go: their names, the checks before any work, and writing several files as one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from inkover.errors import InkoverError
from inkover.photo.atomic import writable


def numbered(path: Path, number: int | None) -> Path:
    """Return NAME-2.EXT for NAME.EXT and 2; without a number the path itself."""
    return path if number is None else path.with_name(f"{path.stem}-{number}{path.suffix}")


def unused(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Yield names beside paths, of one number, that nothing has yet: NAME-2.EXT, NAME-3.EXT ..."""
    for number in count(2):
        found = tuple(numbered(path, number) for path in paths)
        if not any(map(os.path.lexists, found)):
            yield found


def check_side_output(path: Path, option: str, suffix: str, taken: Sequence[Path], force: bool) -> None:
    """Refuse, before any work, a mask or recipe file that could not or should not be written."""
    if not path.name:
        raise InkoverError(f"{option} is given without a file's name: write {option} NAME{suffix}")
    if path.suffix.lower() != suffix:
        raise InkoverError(f"{option} {path} would be a {suffix} file: write {option} {path.with_suffix(suffix)}")
    check_unused(path, option, taken)
    check_folder(path, option)
    if path.is_dir():
        raise InkoverError(f"{option} {path} is a folder: give a file name, such as {path / ('out' + suffix)}")
    if os.path.lexists(path) and not force:
        raise InkoverError(f"{path} exists: choose another name or add --force")


def check_unused(path: Path, option: str, taken: Sequence[Path]) -> None:
    """Refuse to write over a file that went in."""
    if any(same(path, other) for other in taken):
        raise InkoverError(f"{option} {path} is in use as another file of this command: choose another name")


def check_folder(path: Path, option: str) -> None:
    """Refuse a file in a folder that is missing or cannot be written."""
    folder = path.parent
    if not folder.is_dir():
        raise InkoverError(f"{option} {path}: there is no folder {folder}: make it first, mkdir -p {folder}")
    if not writable(folder):
        raise InkoverError(f"{option} {path}: the folder {folder} cannot be written: choose another")


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths name one file, whether or not it exists."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


@contextmanager
def together() -> Iterator[Callable[[Path, Callable[[Path], None]], None]]:
    """Write several files as one: where one fails or Ctrl-C comes, those written before it are taken away.

    A file that was there before (``--force``) has been replaced and stays.
    """
    written: list[Path] = []

    def put(path: Path, write: Callable[[Path], None]) -> None:
        if not path.exists():
            written.append(path)
        write(path)

    try:
        yield put
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise
