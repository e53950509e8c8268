"""A run on the disk: what decides its result, then every trial, each a line as it comes, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure.differences import differences
from inkover.photo.atomic import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
TRIALS, REPORT, PICTURES = "trials.jsonl", "report.json", "pictures"
PLAIN_METHOD, PLAIN = re.compile(r"[a-z0-9.+-]{1,60}"), re.compile(r"[a-z0-9.+_-]{1,60}")
"""A method's name, and a case's or a kind's, that a file can be named by as it is."""
TABLE, PAGE = "report.csv", "report.html"
SHOWN = 3
"""How many differences of two runs' settings are named, and how many damaged lines."""

COUNTED = ("samples", "evaluated")
SECONDS, VERDICT = "seconds", "success"
WORDS = {str(value): value for value in (math.inf, -math.inf, math.nan)}
"""What JSON has no numbers for."""


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one method on one case."""

    case: str
    kind: str
    method: str  # or what else its variant is called, which may be any text
    figures: Mapping[str, Any] | None  # None: broken
    source: str = ""  # what the photo shows
    words: str = ""  # the change
    broken: str = ""  # why there are no figures


class Journal:
    """The trials so far; on the disk too where there is a folder."""

    def __init__(self, folder: Path | None = None, lines: Sequence[Line] = (), damage: Sequence[str] = ()) -> None:
        self.folder = folder
        self.lines = [*lines]
        self.damage = [*damage]
        """What was there and is to be done again, a sentence each."""

    def append(self, line: Line, picture: Image | None = None) -> None:
        """Keep a trial. Its picture goes first: a trial whose line is there has its picture."""
        if self.folder is not None:
            if picture is not None:
                write_picture(picture, self.picture(line))
            _append(self.folder / TRIALS, _encoded(line))
        self.lines.append(line)

    def check_pictures(self, lines: Sequence[Line]) -> None:
        """Take those of some trials that did not break away whose picture is not there, or is none."""
        gone = [line for line in lines if line.figures is not None and not self._has_picture(line)]
        if self.folder is None or not gone:
            return
        away = {(line.case, line.method) for line in gone}
        self.lines = [line for line in self.lines if (line.case, line.method) not in away]
        file = self.folder / TRIALS
        write_whole(file, b"".join((_raw_lines(file)[0], *map(_encoded, self.lines))))
        whose = f"the picture {self.picture(gone[0])} is" if len(gone) == 1 else f"{len(gone)} pictures of trials are"
        self.damage.append(f"{whose} missing or damaged: what they are of is done again")

    def _has_picture(self, line: Line) -> bool:
        from inkover.measure.sheet import is_row

        return self.folder is None or is_row(self.picture(line))

    def picture(self, line: Line) -> Path:
        """Return where the picture of a trial lies."""
        assert self.folder is not None
        return self.folder / PICTURES / f"{_stem(line.method, line.case)}.png"


def check_folder(folder: Path, resume: bool, force: bool, settings: Mapping[str, Any]) -> None:
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
        if one.is_dir() and not os.access(one, os.W_OK | os.X_OK):
            raise InkoverError(f"the folder {one} cannot be written: give another with -o")


def _check_names(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse what stands where a run writes a file, or its folder of pictures."""
    named = product(settings.get("methods", ()), settings.get("edits", ()))
    files = [*(folder / name for name in (TRIALS, REPORT, TABLE, PAGE)), *(sheet(folder, *one) for one in named)]
    taken = next((one for one in (*files, *(folder / PICTURES).glob("*.png")) if one.is_dir()), None)
    if taken is not None:
        raise InkoverError(f"{taken} is a folder, and a run writes a file there: move it, or give another -o")
    if os.path.lexists(folder / PICTURES) and not (folder / PICTURES).is_dir():
        raise InkoverError(f"{folder / PICTURES} is no folder, and a run puts its pictures there: move it, or give "
                           "another -o")  # fmt: skip


def begun(folder: Path, settings: Mapping[str, Any], versions: Mapping[str, str]) -> Journal:
    """Begin a run: from now on its settings are in the folder, and no older report."""
    header = {"run": VERSION, "settings": dict(settings), "versions": dict(versions)}
    make(folder)
    _clear(folder)
    write_whole(folder / TRIALS, _line(header))
    make(folder / PICTURES)
    return Journal(folder)


def alone(folder: Path, report: Mapping[str, Any]) -> None:
    """Write a report that has no trials, in place of an older run."""
    make(folder)
    _clear(folder)
    (folder / TRIALS).unlink(missing_ok=True)
    write_report(folder, report)


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON."""
    write_whole(folder / REPORT, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def _clear(folder: Path) -> None:
    """Take away what an older run reported: its tables, and its contact sheets as far as it says which they were."""
    for name in (REPORT, TABLE, PAGE):
        (folder / name).unlink(missing_ok=True)
    with suppress(InkoverError, TypeError):  # a damaged list of settings is no reason not to begin anew
        settings = _header(folder / TRIALS)["settings"]
        for method, kind in product(settings.get("methods", ()), settings.get("edits", ())):
            sheet(folder, method, kind).unlink(missing_ok=True)
    for picture in (folder / PICTURES).glob("*.png"):  # none of them may pass for a picture of the new run
        picture.unlink()


def sheet(folder: Path, method: str, kind: str) -> Path:
    """Return where the contact sheet of a method and a kind of edit lies."""
    return folder / f"{_stem(method, kind, method_first=True)}.png"


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


def resumed(folder: Path, settings: Mapping[str, Any], versions: Mapping[str, str]) -> Journal:
    """Go on with a run of the same settings.

    A last line that was cut in half is taken away, and so are lines that are no trial: each is done again.
    """
    check_same(folder, settings, versions)
    file, lines, damaged = folder / TRIALS, dict[tuple[str, str], Line](), list[int]()
    header, *raws = _raw_lines(file)
    kept = [header]
    for number, raw in enumerate(raws, 2):
        if not raw.endswith(b"\n"):
            break  # the run was killed while it wrote
        line = _decoded(raw)
        if line is None or (line.case, line.method) in lines:
            damaged.append(number)
        else:
            lines[line.case, line.method] = line
            kept.append(raw)
    if len(kept) <= len(raws):
        write_whole(file, b"".join(kept))
    make(folder / PICTURES)
    return Journal(folder, [*lines.values()], [*_damage(file, damaged)])


def _damage(file: Path, damaged: Sequence[int]) -> Iterator[str]:
    if not damaged:
        return
    more = f" and {len(damaged) - SHOWN} more" if len(damaged) > SHOWN else ""
    numbers = f"line{'s' if len(damaged) > 1 else ''} {', '.join(map(str, damaged[:SHOWN]))}{more}"
    yield f"{file} {numbers}: no trial, taken out; what is missing is done again"


def check_same(folder: Path, settings: Mapping[str, Any], versions: Mapping[str, str] | None = None) -> None:
    """Refuse to go on with a run of other settings, as far as some are given, or of other versions."""
    header = _header(folder / TRIALS)
    apart = [*differences(header["settings"], settings), *differences(header["versions"], versions or {})]
    if apart:
        more = f" and {len(apart) - SHOWN} more" if len(apart) > SHOWN else ""
        raise InkoverError(
            f"the run in {folder} has other settings: {'; '.join(apart[:SHOWN])}{more}: give the same, or begin anew "
            "with another -o or --force"
        )


def _header(file: Path) -> dict[str, Any]:
    first = next(iter(_raw_lines(file)), b"")
    try:
        header = json.loads(first)
        if header["run"] == VERSION and isinstance(header["settings"], dict) and isinstance(header["versions"], dict):
            return dict(header)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise InkoverError(f"{file} does not begin as a run of this Inkover does: --force to begin anew, or another -o")


def _raw_lines(file: Path) -> list[bytes]:
    try:
        return [*BytesIO(file.read_bytes())]  # at line feeds alone
    except OSError as problem:
        raise InkoverError(f"{file} cannot be read ({problem.strerror}): mend that, or give another -o") from problem


def _decoded(raw: bytes) -> Line | None:
    """Return the trial of a line; None where it is none."""
    try:
        values = json.loads(raw)
        given = values["figures"]
        figures = None if given is None else {name: _number(value) for name, value in given.items()}
        line = Line(**(values | {"figures": figures}))
        texts = (line.case, line.kind, line.method, line.source, line.words, line.broken)
        return line if all(isinstance(text, str) for text in texts) and _are_figures(figures) else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _are_figures(figures: Mapping[str, Any] | None) -> bool:
    """Say whether these can be the figures of a trial: what every one has is there, and numbers are numbers."""
    if figures is None:
        return True
    counts, seconds = [figures[name] for name in COUNTED], figures[SECONDS]
    return (
        all(type(count) is int and count >= 0 for count in counts)
        and type(seconds) in (int, float)
        and 0 <= seconds < math.inf
        and isinstance(figures.get(VERDICT), bool | None)
    )


def _encoded(line: Line) -> bytes:
    figures = None if line.figures is None else {name: _plain(value) for name, value in line.figures.items()}
    return _line(asdict(line) | {"figures": figures})


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a figure as JSON has it, which knows neither infinity nor NaN."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    """Return a figure as a trial has it; ValueError, TypeError or OverflowError where it can be none."""
    if isinstance(value, str):
        return WORDS[value]
    if value is not None:
        float(value)
    return value


def _append(file: Path, data: bytes) -> None:
    """Put a line at a file's end, flushed to the disk."""
    try:
        with file.open("ab") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as problem:
        raise InkoverError(
            f"{file} cannot be written ({problem.strerror}): mend that, then the same command with --resume"
        ) from problem


def write_picture(picture: Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    file = BytesIO()
    picture.save(file, "PNG")
    write_whole(path, file.getvalue())


def make(folder: Path) -> None:
    """Make a folder where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InkoverError(f"cannot make the folder {str(folder)!r} ({error.strerror}): give another with -o") from None
