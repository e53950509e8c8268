"""The inversions: one line each, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from inkover.inversions.contract import Inversion

_MODULES = {
    "ddim": "inkover.inversions.ddim",
    "null-text": "inkover.inversions.null_text",
    "negative-prompt": "inkover.inversions.negative_prompt",
    "direct": "inkover.inversions.direct",
    "ddpm": "inkover.inversions.ddpm",
    "sde-dpmpp": "inkover.inversions.sde_dpmpp",
}


def names() -> tuple[str, ...]:
    """Return the names of the inversions, the default one first."""
    return tuple(_MODULES)


def get(name: str) -> Inversion:
    """Return the inversion of that name."""
    if name not in _MODULES:
        raise InkoverError(f"no inversion {name!r}: {nearest(str(name), names())}")
    inversion: Inversion = import_module(_MODULES[name]).INVERSION
    return inversion
