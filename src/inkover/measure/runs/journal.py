"""A run on the disk: what decides its result, then every trial, each a line as it comes, so that it can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError
from inkover.measure.runs import run_folder, trial
from inkover.measure.runs.differences import differences
from inkover.measure.runs.run_folder import PAGE, PICTURES, REPORT, TABLE, TRIALS
from inkover.measure.runs.trial import Line
from inkover.photo.atomic import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
SHOWN = 3
"""How many differences of two runs' settings are named, and how many damaged lines."""


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
                run_folder.write_picture(picture, self.picture(line))
            _append(self.folder / TRIALS, trial.encoded(line))
        self.lines.append(line)

    def check_pictures(self, lines: Sequence[Line]) -> None:
        """Take those of some trials that did not break away whose picture is not there, or is none."""
        gone = [line for line in lines if line.figures is not None and not self._has_picture(line)]
        if self.folder is None or not gone:
            return
        away = {(line.case, line.method) for line in gone}
        self.lines = [line for line in self.lines if (line.case, line.method) not in away]
        file = self.folder / TRIALS
        write_whole(file, b"".join((_raw_lines(file)[0], *map(trial.encoded, self.lines))))
        whose = f"the picture {self.picture(gone[0])} is" if len(gone) == 1 else f"{len(gone)} pictures of trials are"
        self.damage.append(f"{whose} missing or damaged: what they are of is done again")

    def _has_picture(self, line: Line) -> bool:
        from inkover.measure.report.sheet import is_row

        return self.folder is None or is_row(self.picture(line))

    def picture(self, line: Line) -> Path:
        """Return where the picture of a trial lies."""
        assert self.folder is not None
        return run_folder.picture(self.folder, line)


def begun(folder: Path, settings: Mapping[str, Any], versions: Mapping[str, str]) -> Journal:
    """Begin a run: from now on its settings are in the folder, and no older report."""
    sheets = [path.name for path in run_folder.sheets(folder, settings)]
    header = {"run": VERSION, "settings": dict(settings), "versions": dict(versions), "sheets": sheets}
    run_folder.make(folder)
    _clear(folder)
    write_whole(folder / TRIALS, trial.as_line(header))
    run_folder.make(folder / PICTURES)
    return Journal(folder)


def alone(folder: Path, report: Mapping[str, Any]) -> None:
    """Write a report that has no trials, in place of an older run."""
    run_folder.make(folder)
    _clear(folder)
    (folder / TRIALS).unlink(missing_ok=True)
    run_folder.write_report(folder, report)


def _clear(folder: Path) -> None:
    """Take away what an older run reported: its tables, and the contact sheets that it names."""
    for name in (REPORT, TABLE, PAGE):
        (folder / name).unlink(missing_ok=True)
    named = _sheets(folder / TRIALS)
    for sheet in folder.glob("*.png"):
        if sheet.name in named and sheet.is_file():
            sheet.unlink()
    for picture in (folder / PICTURES).glob("*.png"):  # none of them may pass for a picture of the new run
        picture.unlink()


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
        line = trial.decoded(raw)
        if line is None or (line.case, line.method) in lines:
            damaged.append(number)
        else:
            lines[line.case, line.method] = line
            kept.append(raw)
    if len(kept) <= len(raws):
        write_whole(file, b"".join(kept))
    run_folder.make(folder / PICTURES)
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


def _sheets(file: Path) -> set[str]:
    """Return the names of a run's contact sheets; none where it is damaged, which is no reason not to begin anew."""
    try:
        return {*map(str, _header(file)["sheets"])}
    except (InkoverError, KeyError, TypeError):
        return set()


def _raw_lines(file: Path) -> list[bytes]:
    try:
        return [*BytesIO(file.read_bytes())]  # at line feeds alone
    except OSError as problem:
        raise InkoverError(f"{file} cannot be read ({problem.strerror}): mend that, or give another -o") from problem


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
