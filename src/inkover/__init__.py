"""Change a real photo with words, and leave every other pixel alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.edits import Edit
    from inkover.app.recipe import Recipe
    from inkover.app.result import Result
    from inkover.errors import InkoverError
    from inkover.photo import read

__version__ = "0.1.0"
__all__ = ["Edit", "Editor", "InkoverError", "Recipe", "Result", "__version__", "read"]

_HOMES = {
    "Edit": "inkover.app.edits",
    "Editor": "inkover.app.editor",
    "InkoverError": "inkover.errors",
    "Recipe": "inkover.app.recipe",
    "Result": "inkover.app.result",
    "read": "inkover.photo",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import inkover`` is quick."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'inkover' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
