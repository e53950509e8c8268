"""PIE-Bench's layout (Ju et al. 2023, arXiv:2310.01506): mapping_file.json and annotation_images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from inkover.errors import InkoverError
from inkover.measure.datasets import run_lengths
from inkover.measure.datasets.case import Case, Entries, file, json_of, value

LIST, IMAGES = "mapping_file.json", "annotation_images"
KINDS = ("random", "change_object", "add_object", "delete_object", "change_attribute_content", "change_attribute_pose",
         "change_attribute_color", "change_attribute_material", "change_background", "change_style")  # fmt: skip


def entries(folder: Path) -> Entries:
    """Yield the cases in the order of the list."""
    listed = json_of(folder / LIST, "PIE-Bench", f"{LIST} and {IMAGES}/")
    if not isinstance(listed, dict):
        raise InkoverError(f"{folder / LIST} holds no object of cases by their id: give PIE-Bench's own")
    for name, entry in listed.items():
        yield f"{LIST} {name}", partial(_case, folder, name, entry)


def _case(folder: Path, name: str, entry: Any) -> Case:
    number = value(entry, "editing_type_id", str, 'a text "0" to "9"')
    if number not in map(str, range(len(KINDS))):
        raise InkoverError(f'\'editing_type_id\' is {number!r}, expected a text "0" to "9"')
    runs = value(entry, "mask", list, "run lengths: a start, a length, a start ...")
    run_lengths.check(runs)
    return Case(
        name,
        f"{number}_{KINDS[int(number)]}",
        file(entry, "image_path", folder / IMAGES),
        _without_brackets(value(entry, "original_prompt", str, "a text")),
        _without_brackets(value(entry, "editing_prompt", str, "a text")),
        tuple(runs),
    )


def _without_brackets(prompt: str) -> str:
    """Return a prompt without the signs around the words that differ."""
    return prompt.replace("[", "").replace("]", "")
