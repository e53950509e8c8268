"""TEdBench++'s layout (Brack et al. 2024, arXiv:2311.16711): tedbench++.csv and originals."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from io import StringIO
from pathlib import Path

from inkover.errors import InkoverError
from inkover.measure.datasets.case import Case, Entries, text_of
from inkover.measure.datasets.tedbench import IMAGES, original

LIST, KIND = "tedbench++.csv", "tedbench++"


def entries(folder: Path) -> Entries:
    """Yield the cases in the order of the rows; the settings that LEDITS++ had there are passed over."""
    text = text_of(folder / LIST, "TEdBench++", f"{LIST} and {IMAGES}/")
    try:
        rows = [(line, row) for line, row in _rows(text) if row]
    except csv.Error as problem:
        raise InkoverError(f"{folder / LIST} is no table of commas ({problem}): get it again") from problem
    column = _images(folder, [row for _, row in rows[1:]])
    for number, (line, row) in enumerate(rows[1:], 1):
        yield f"{LIST} line {line}", partial(_case, folder, number, row, column)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of the line on which it begins; an empty line is an empty row."""
    reader, line = csv.reader(StringIO(text, newline=""), strict=True), 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _images(folder: Path, rows: Sequence[Sequence[str]]) -> int:
    """Return the column of the photos' names, the first that names any: the headings are not relied on."""
    width = max((len(row) for row in rows), default=0)
    for column in range(width):
        if any(len(row) > column and row[column] and original(folder / IMAGES / row[column]).is_file() for row in rows):
            return column
    raise InkoverError(f"{folder / LIST} has no column that names photos in {folder / IMAGES}: give TEdBench++'s own")


def _case(folder: Path, number: int, row: Sequence[str], column: int) -> Case:
    if len(row) < column + 2:
        raise InkoverError(f"{len(row)} columns came, expected a photo in column {column + 1} and a text after it")
    target = " ".join(row[column + 1].split())  # a text may go over several lines
    return Case(f"{number:03}", KIND, original(folder / IMAGES / row[column]), "", target)
