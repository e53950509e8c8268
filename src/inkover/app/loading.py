"""Loading the model that a command asks for."""

from __future__ import annotations

from pathlib import Path

from inkover.app.config import EMBEDDED, Defaults
from inkover.app.editor import Editor
from inkover.app.progress import Show
from inkover.app.recipe import Recipe
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError

SMALL_WORLD = (
    f"{EMBEDDED} knows only its own little world of objects on a table top; "
    "for any photo: inkover models get HUB_ID, then --model HUB_ID"
)


def editor(engine: Engine, defaults: Defaults, recipe: Recipe | None, show: Show) -> Editor:
    """Load what the command line names, else what the recipe names, else the user's default."""
    wanted = _with_recipe(engine, recipe) if recipe else _with_defaults(engine, defaults)
    show.begin("load", 0)
    try:
        device = wanted.device or "auto"
        return Editor.load(
            wanted.model, device=device, dtype=wanted.dtype, config=wanted.config, remember=engine.remember
        )
    finally:
        show.end()


def _with_defaults(engine: Engine, defaults: Defaults) -> Engine:
    model = engine.model or defaults.model
    return Engine(model, engine.config, engine.device or defaults.device, engine.dtype or defaults.dtype)


def _with_recipe(engine: Engine, recipe: Recipe) -> Engine:
    made = recipe.model
    model = engine.model or made.spec
    if model is None:
        raise InkoverError(f"the recipe does not say where {made.name} came from: add --model")
    config = engine.config or (Path(made.config) if made.config else None)
    device = engine.device or _device(made.device)
    return Engine(model, config, device, engine.dtype or _dtype(made.dtype, device))


def _device(made: str) -> str:
    """Return the recipe's device, or the best one where it is not there: what differs is warned of with the result."""
    from inkover.models.place import DEVICES, best, is_present

    return made if made not in DEVICES or is_present(made) else best()


def _dtype(made: str, device: str) -> str | None:
    """Return the recipe's dtype, or none where it is the half precision that a CPU cannot run."""
    from inkover.models.place import best

    halved = made == "float16" and (best() if device == "auto" else device) == "cpu"
    return None if halved else made or None


def say_small_world(editor: Editor, manner: Manner) -> None:
    """Say so where the embedded model is used."""
    if editor.model.name == EMBEDDED:
        manner.note(SMALL_WORLD)
