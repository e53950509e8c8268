"""The folder of a run: what is called how in it, and what may lie there before."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure.runs.trial import Line
from inkover.photo.atomic import writable, write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

TRIALS, REPORT, PICTURES = "trials.jsonl", "report.json", "pictures"
TABLE, PAGE = "report.csv", "report.html"
PLAIN_METHOD, PLAIN = re.compile(r"[a-z0-9.+-]{1,60}"), re.compile(r"[a-z0-9.+_-]{1,60}")
"""A method's name, and a case's or a kind's, that a file can be named by as it is."""


def check(folder: Path, resume: bool, force: bool, settings: Mapping[str, Any]) -> None:
    """Refuse a folder that holds a run which nobody speaks of, to resume where there is none, and what has no room.

    ``force`` begins anew in a folder that holds a run; ``settings`` say which contact sheets there will be.
    """
    try:
        made = [folder / name for name in (TRIALS, REPORT, TABLE, PAGE) if (folder / name).exists()]
        strange = () if made else tuple((folder / PICTURES).glob("*.png"))
        _check_room(folder)
        _check_names(folder, settings)
    except OSError as error:
        raise InkoverError(f"the folder {folder} cannot be used ({error.strerror}): give another with -o") from None
    if resume and folder / TRIALS not in made:
        raise InkoverError(f"there is no run in {folder} to go on with: leave --resume out")
    if made and not (resume or force):
        more = "add --resume to go on with it, " if folder / TRIALS in made else ""
        raise InkoverError(f"{folder} holds a run ({made[0].name}): {more}--force to begin anew, or another -o")
    if strange:  # a run that begins takes all pictures there away, and these are not its own
        raise InkoverError(f"{strange[0]} is of no run, and a run clears that folder: move it, or give another -o")


def _check_room(folder: Path) -> None:
    """Refuse a folder that cannot be made, or not be written; it is made when a run begins, not now."""
    there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    if not there.is_dir():
        raise InkoverError(f"cannot make the folder {str(folder)!r} ({there} is no folder): give another with -o")
    for one in (there, folder / PICTURES):
        if one.is_dir() and not writable(one):
            raise InkoverError(f"the folder {one} cannot be written: give another with -o")


def _check_names(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse what stands where a run writes a file, or its folder of pictures."""
    files = [*(folder / name for name in (TRIALS, REPORT, TABLE, PAGE)), *sheets(folder, settings)]
    taken = next((one for one in (*files, *(folder / PICTURES).glob("*.png")) if one.is_dir()), None)
    if taken is not None:
        raise InkoverError(f"{taken} is a folder, and a run writes a file there: move it, or give another -o")
    if os.path.lexists(folder / PICTURES) and not (folder / PICTURES).is_dir():
        raise InkoverError(f"{folder / PICTURES} is no folder, and a run puts its pictures there: move it, or give "
                           "another -o")  # fmt: skip


def make(folder: Path) -> None:
    """Make a folder where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InkoverError(f"cannot make the folder {str(folder)!r} ({error.strerror}): give another with -o") from None


def sheet(folder: Path, method: str, kind: str) -> Path:
    """Return where the contact sheet of a method and a kind of edit lies."""
    return folder / f"{_stem(method, kind, method_first=True)}.png"


def sheets(folder: Path, settings: Mapping[str, Any]) -> list[Path]:
    """Return where the contact sheets of a run lie, as its settings say."""
    return [sheet(folder, *one) for one in product(settings.get("methods", ()), settings.get("edits", ()))]


def picture(folder: Path, line: Line) -> Path:
    """Return where the picture of a trial lies."""
    return folder / PICTURES / f"{_stem(line.method, line.case)}.png"


def _stem(method: str, other: str, method_first: bool = False) -> str:
    """Return a file's name without its ending for a method or variant and a case or kind; no two have one name.

    Where both can stand as they are they do, the method with underscores, so that the dash between them is told from
    its own. Elsewhere what a file can be named by is left of them, and a checksum of both tells them apart, also where
    capitals are no difference.
    """
    if PLAIN_METHOD.fullmatch(method) and PLAIN.fullmatch(other):
        one = method.replace("-", "_")
        return f"{one}-{other}" if method_first else f"{other}-{one}"
    parts = (method, other) if method_first else (other, method)
    shown = "-".join(re.sub(r"[^A-Za-z0-9.+=-]+", "_", part)[:80] for part in parts)
    return f"{shown}~{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON."""
    write_whole(folder / REPORT, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def write_picture(picture: Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    file = BytesIO()
    picture.save(file, "PNG")
    write_whole(path, file.getvalue())
