"""Inversions kept on disk, so that the next edit of the same photo need not trace it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inkover.app import cache_file, cache_folder
from inkover.app.cache_key import Key
from inkover.errors import InkoverError

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 2 * 1024**3  # bytes


def folder() -> Path:
    """Return where inversions are kept: ``INKOVER_CACHE``, or below ``XDG_CACHE_HOME`` or the platform's cache."""
    from platformdirs import user_cache_path

    if asked := os.environ.get("INKOVER_CACHE"):
        try:
            return Path(asked).expanduser()
        except RuntimeError:  # of a user who is none
            raise InkoverError(f"INKOVER_CACHE is {asked!r}, and that home is not known: give a whole path") from None
    xdg = os.environ.get("XDG_CACHE_HOME")  # on every platform
    return (Path(xdg) / "inkover" if xdg else user_cache_path("inkover", appauthor=False)) / "inversions"


def limit() -> int:
    """Return how many bytes are kept: ``INKOVER_CACHE_LIMIT``, or 2 GiB; 0 switches the cache off."""
    asked = os.environ.get("INKOVER_CACHE_LIMIT", "").strip()
    if asked and not (asked.isascii() and asked.isdigit() and len(asked) < 20):
        raise InkoverError(
            f"INKOVER_CACHE_LIMIT is {asked!r}, expected a number of bytes: {LIMIT}, or 0 to keep no inversions"
        )
    return int(asked) if asked else LIMIT


def ignore(text: str) -> None:
    """Warn nobody."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An inversion that is kept."""

    digest: str  # of its key; the name of its file
    bytes: int
    used: float  # when last: seconds since 1970
    about: Mapping[str, str]  # inversion, text, size (w x h) and date (of its making, UTC); empty where it is damaged


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of inversions, one file each; several processes may share it.

    Nothing in it stops an edit: what cannot be read is a miss, and what cannot be kept is said to ``warn``, once.
    """

    root: Path = field(default_factory=folder)
    limit: int = field(default_factory=limit)  # bytes, of all entries together; 0: nothing is read or written
    warn: Callable[[str], None] = ignore
    _said: set[str] = field(default_factory=set[str], init=False, repr=False, compare=False)

    def read(self, key: Key) -> dict[str, Tensor] | None:
        """Return the tensors kept for a key, on the CPU and to the bit, or None; a damaged entry is thrown away."""
        if not self.limit:
            return None
        path = self._path(key)
        try:
            data = path.read_bytes()  # not mapped: a file that shrinks under its map would end the process
        except OSError:
            return None
        try:
            tensors = cache_file.unpacked(data, key.to_json())
        except ValueError as problem:
            end = "it is thrown away" if cache_folder.remove(path) else "it cannot be thrown away"
            self._say(f"the kept inversion {path} is damaged, {problem}: {end}, and the photo is traced again")
            return None
        with suppress(OSError):  # a folder that can only be read serves too
            os.utime(path)
        return tensors

    def write(self, key: Key, tensors: Mapping[str, Tensor]) -> None:
        """Keep the tensors for a key, and throw away the least recently used ones where all are over the limit."""
        if not self.limit:
            return
        data = cache_file.packed(tensors, {"key": key.to_json(), **_about(key)})
        if len(data) > self.limit:
            self._say(f"an inversion of {len(data)} bytes is not kept, INKOVER_CACHE_LIMIT is {self.limit}: raise it")
            return
        try:
            cache_folder.put(self._path(key), data)
        except OSError as problem:
            self._say(cache_folder.unwritten(self.root, problem))
        else:
            cache_folder.make_room(self.root, self.limit)

    def entries(self) -> list[Entry]:
        """List what is kept, the last used first."""
        found = reversed(cache_folder.files(self.root, cache_folder.ENTRY))
        return [Entry(path.stem, state.st_size, state.st_mtime, _read_about(path)) for path, state in found]

    def clear(self) -> int:
        """Throw all entries away and return how many there were; InkoverError where one cannot be removed."""
        cache_folder.remove_leftovers(self.root)
        found = cache_folder.files(self.root, cache_folder.ENTRY)
        for path, _ in found:
            try:
                path.unlink(missing_ok=True)
            except OSError as problem:
                why = problem.strerror or problem
                raise InkoverError(f"{path} cannot be removed ({why}): mend that, then inkover cache clear") from None
        return len(found)

    def _path(self, key: Key) -> Path:
        return self.root / f"{key.digest()}.safetensors"

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.warn(text)


def _about(key: Key) -> dict[str, str]:
    """Describe an inversion in words that any reader of safetensors can show."""
    height, width = key.geometry[1]
    text = key.text.encode("utf-8", "backslashreplace").decode()  # what was typed may hold any bytes
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"inversion": key.inversion, "text": text, "size": f"{width} x {height}", "date": date}


def _read_about(path: Path) -> dict[str, str]:
    """Return an entry's description, or nothing where it cannot be read."""
    with suppress(OSError, ValueError), path.open("rb") as file:
        words = cache_file.header(file)
        return {name: words[name] for name in cache_file.ABOUT if name in words}
    return {}
