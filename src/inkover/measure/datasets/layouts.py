"""The datasets: folders of photos with what is to be done to each. One line a layout, loaded when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from inkover.measure.datasets.case import Case, Entries

_MODULES = {
    "pie-bench": "inkover.measure.datasets.pie_bench",
    "tedbench": "inkover.measure.datasets.tedbench",
    "tedbench++": "inkover.measure.datasets.tedbench_plus",
    "cases": "inkover.measure.datasets.cases_file",
}
ALL = "all"
"""What the means over all kinds are called."""

NAMED = 20
"""How many problems are named at once."""

_PLAIN = re.compile(r"[\w+.-]{1,100}")


def names() -> tuple[str, ...]:
    """Return the names of the layouts."""
    return tuple(_MODULES)


def load(layout: str, folder: Path) -> tuple[Case, ...]:
    """Return the cases of a folder, every file of which has been read; InkoverError names all that is wrong in it."""
    from inkover.measure.datasets.case import problems

    entries: Callable[[Path], Entries] = import_module(_MODULES[layout]).entries
    found, wrong = dict[str, "Case"](), list[str]()
    for where, make in entries(folder):
        try:
            case = make()
            _check_names(case, found)
            _check_texts(case)
        except InkoverError as error:
            wrong.append(f"{where}: {error}")
            continue
        found[case.id] = case
        wrong += [f"{where}: {problem}" for problem in problems(case)]
    if wrong:
        more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise InkoverError(f"{folder} cannot be used: {'; '.join(wrong[:NAMED])}{more}")
    if not found:
        raise InkoverError(f"{folder} holds no case: give a folder with some")
    return tuple(found.values())


def _check_names(case: Case, others: dict[str, Case]) -> None:
    """Refuse an id or a kind that no file can be named by, or that is taken."""
    for key, name in (("id", case.id), ("kind", case.kind)):
        if not _PLAIN.fullmatch(name):
            raise InkoverError(f"{key!r} is {name[:40]!r}, expected letters, digits, '.', '+', '-' and '_'")
    if case.kind == ALL:
        raise InkoverError(f"'kind' is {ALL!r}, which the means over all kinds are called: give another")
    if case.id in others:
        raise InkoverError(f"the id {case.id!r} is another case's: give each its own")


def _check_texts(case: Case) -> None:
    """Refuse texts that no method can take: an empty target, and what no model reads."""
    from inkover.app.inputs import text

    text("source", case.source)
    if not text("target", case.target):
        raise InkoverError("the target text is empty, expected what the photo shall show")


def chosen(cases: Sequence[Case], kinds: Sequence[str], count: int | None) -> tuple[Case, ...]:
    """Return the cases of some kinds, all if none is named, and of each the first so many."""
    known = tuple(dict.fromkeys(case.kind for case in cases))
    for kind in kinds:
        if kind not in known:
            raise InkoverError(f"no edit {kind!r} in this dataset: {nearest(kind, known)}")
    wanted = {kind: [case for case in cases if case.kind == kind][:count] for kind in kinds or known}
    return tuple(case for group in wanted.values() for case in group)


def fingerprint(cases: Sequence[Case]) -> str:
    """Return one SHA-256, hex, of what cases say and of the bytes of their files, wherever these lie."""
    from inkover.models.fingerprint import file_hash, hash_of_hashes

    said = dict[str, str]()
    for case in cases:
        for key, value in asdict(case).items():
            said[f"{case.id} {key}"] = file_hash(value) if isinstance(value, Path) else repr(value)
    return hash_of_hashes(said)
