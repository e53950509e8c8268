"""``inkover cache``: the inversions that are kept, and their end."""

from __future__ import annotations

import json as js
from datetime import UTC, datetime
from typing import Any

from inkover.app.cache import Cache, Entry, folder
from inkover.app.cache_file import ABOUT


def listed(json: bool) -> None:
    """Print what is kept, the last used first, and how much of the limit it takes."""
    cache = Cache()
    entries = cache.entries()
    total = sum(entry.bytes for entry in entries)
    rows = {"folder": str(cache.root), "limit": cache.limit, "bytes": total, "entries": [_row(e) for e in entries]}
    _print(rows, json, [*(_line(entry) for entry in entries), _sum(cache, entries)])


def cleared(json: bool) -> None:
    """Throw everything away, and say how much that was."""
    cache = Cache()
    total = sum(entry.bytes for entry in cache.entries())
    count = cache.clear()
    said = f"{_counted(count)} thrown away, {_size(total)} are free"
    _print({"folder": str(cache.root), "entries": count, "bytes": total}, json, [said if count else _none(cache)])


def path(json: bool) -> None:
    """Print the folder, whether or not it is there."""
    _print({"folder": str(folder())}, json, [str(folder())])


def _print(values: dict[str, Any], json: bool, lines: list[str]) -> None:
    print(js.dumps(values) if json else "\n".join(lines))


def _row(entry: Entry) -> dict[str, Any]:
    used = datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds")
    about = {name: entry.about.get(name) for name in ABOUT}
    return {"digest": entry.digest, "bytes": entry.bytes, "used": used, **about}


def _line(entry: Entry) -> str:
    """Say when an inversion was last used, its size on the disk, and what it is of."""
    used = f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}"
    if not entry.about:
        return f"{used}  {_size(entry.bytes):>8}  (damaged: it is made again when it is needed)"
    inversion, text, size = (entry.about.get(name, "") for name in ("inversion", "text", "size"))
    line = f"{used}  {_size(entry.bytes):>8}  {inversion}  {size}  {text or '(no text)'}"
    return "".join(c if c.isprintable() else " " for c in line)  # a file's words do not steer the terminal


def _sum(cache: Cache, entries: list[Entry]) -> str:
    if not cache.limit:
        return f"the cache is off: INKOVER_CACHE_LIMIT is 0. {_counted(len(entries))} from before in {cache.root}"
    if not entries:
        return _none(cache)
    total = sum(entry.bytes for entry in entries)
    return f"{_counted(len(entries))}, {_size(total)} of at most {_size(cache.limit)}, in {cache.root}"


def _none(cache: Cache) -> str:
    if cache.root.exists() and not cache.root.is_dir():
        return f"{cache.root} is no folder, so no inversions are kept: set INKOVER_CACHE to another place"
    return f"no inversions are kept yet in {cache.root}"


def _counted(number: int) -> str:
    return f"{number} inversion{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    """Say a number of bytes in units for people, such as 4.1 MB."""
    from rich.filesize import decimal

    return decimal(size)
