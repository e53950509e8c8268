"""TEdBench's layout (Kawar et al. 2023, arXiv:2210.09276): input_list.json and originals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from inkover.errors import InkoverError
from inkover.measure.datasets.case import Case, Entries, file, json_of, value

LIST, IMAGES, KIND = "input_list.json", "originals", "tedbench"
ENDINGS = ("", ".jpeg", ".jpg", ".png")


def entries(folder: Path) -> Entries:
    """Yield the cases in the order of the list."""
    listed = json_of(folder / LIST, "TEdBench", f"{LIST} and {IMAGES}/")
    if not isinstance(listed, list):
        raise InkoverError(f"{folder / LIST} holds no list of cases: give TEdBench's own")
    for number, entry in enumerate(listed, 1):
        yield f"{LIST} entry {number}", partial(_case, folder, number, entry)


def _case(folder: Path, number: int, entry: Any) -> Case:
    photo = original(file(entry, "img_name", folder / IMAGES))
    return Case(f"{number:03}", KIND, photo, "", value(entry, "target_text", str, "a text"))


def original(named: Path) -> Path:
    """Return the photo of a name, which may lack its ending; the name itself where there is none."""
    there = [Path(f"{named}{ending}") for ending in ENDINGS]
    return next((path for path in there if path.is_file()), there[0])
