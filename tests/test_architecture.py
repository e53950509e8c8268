"""The shape of the code: which room may know which, and what no room may do."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import inkover

SRC = Path(inkover.__file__).parent
FILES = sorted(SRC.rglob("*.py"))

MAY_USE = {
    "photo": set[str](),
    "diffusion": set[str](),
    "attention": {"diffusion"},
    "masks": {"diffusion", "photo"},
    "models": {"diffusion", "attention"},
    "inversions": {"diffusion", "models"},
    "methods": {"photo", "diffusion", "attention", "masks", "models", "inversions"},
    "tabletop": {"photo", "diffusion", "attention", "masks", "models", "inversions", "methods"},
    "app": {"photo", "diffusion", "attention", "masks", "models", "inversions", "methods", "measure"},
    "measure": {"photo", "diffusion", "attention", "masks", "models", "inversions", "methods", "tabletop", "app"},
}
LATE = {("app", "measure")}  # one command, inside its function


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """Return the room of a dotted name of ours; "" for what belongs to none: errors, the public names."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and (SRC / parts[1]).is_dir() else ""


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_imports_run_one_way(file: Path) -> None:
    here = room(f"inkover.{file.relative_to(SRC).parts[0]}")
    if not here:
        return
    used = {room(name) for name in imported(ast.parse(file.read_text())) if name.split(".")[0] == "inkover"}
    assert used - {"", here} <= MAY_USE[here]


def test_every_room_is_known() -> None:
    rooms = {path.name for path in SRC.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms <= MAY_USE.keys()


def test_what_is_late_is_inside_a_function() -> None:
    for here, there in LATE:
        for file in (SRC / here).rglob("*.py"):
            top = ast.Module(
                [n for n in ast.parse(file.read_text()).body if isinstance(n, ast.Import | ast.ImportFrom)], []
            )
            assert there not in {room(name) for name in imported(top) if name.startswith("inkover.")}, file


def test_methods_never_use_each_other() -> None:
    shared = {"contract", "maps", "pair", "parts", "photo_rows", "settings", "tracks", "wording"}
    files = [file for file in (SRC / "methods").glob("*.py") if file.stem != "__init__"]
    stems = {file.stem for file in files}
    for file in files:
        used = {
            name.split(".")[2] for name in imported(ast.parse(file.read_text())) if name.startswith("inkover.methods.")
        }
        assert (used & stems) - shared <= {file.stem}, file


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_nothing_runs_code_from_a_model_file(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert not {"pickle", "dill", "joblib"} & {name.split(".")[0] for name in imported(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("torch.load", "eval", "exec"), f"{file}:{node.lineno}"
            words = {word.arg: word.value for word in node.keywords}
            remote = words.get("trust_remote_code")
            assert remote is None or ast.unparse(remote) == "False", f"{file}:{node.lineno}"


def test_every_library_that_is_imported_is_a_dependency() -> None:
    project = tomllib.loads((SRC.parents[1] / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in project["dependencies"]}
    dists = metadata.packages_distributions()
    for file in FILES:
        tops = {name.split(".")[0] for name in imported(ast.parse(file.read_text()))} - {"inkover"}
        for top in tops - sys.stdlib_module_names:
            names = {name.lower().replace("_", "-") for name in dists.get(top, [top])}
            assert names & declared, f"{file.name} imports {top}, which no dependency brings"


def test_the_public_names_are_all_there() -> None:
    assert sorted(inkover.__all__) == sorted(dir(inkover))
    for name in inkover.__all__:
        assert getattr(inkover, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = inkover.nothing
