"""The first pages do not promise what is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from inkover import methods
from small_photo import Outcome

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_table_of_methods_is_true() -> None:
    rows = dict(
        re.findall(r"^\| `([\w+-]+)`.*?\| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    costs = {name: sum(methods.get(name).cost(methods.get(name).settings()).values()) for name in methods.names()}
    assert {name: int(cost) for name, cost in rows.items()} == costs


def test_the_options_that_pages_name_are_there(inkover: Callable[..., Outcome]) -> None:
    commands = (
        "edit",
        "mask",
        "invert",
        "score",
        "advise",
        "compare",
        "sweep",
        "explain",
        "cache",
        "models",
        "methods",
        "bench",
    )
    known = "".join(inkover(command, "--help").out for command in commands)
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("inkover "):
                for option in re.findall(r"(?<!\w)--[a-z-]+", line.split("#")[0]):
                    assert f"{option} " in known or f"{option}\n" in known, f"{page.name}: {line}"
