"""The methods: one line each, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from inkover.methods.contract import Method

_MODULES = {
    "diffedit": "inkover.methods.diffedit",
    "sdedit": "inkover.methods.sdedit",
    "ddim": "inkover.methods.ddim",
    "flowedit": "inkover.methods.flowedit",
    "p2p": "inkover.methods.p2p",
    "masactrl": "inkover.methods.masactrl",
    "ddpm-inversion": "inkover.methods.ddpm_inversion",
    "ledits++": "inkover.methods.leditspp",
    "multi-diffedit": "inkover.methods.multi_diffedit",
}


def names() -> tuple[str, ...]:
    """Return the names of the methods, the default one first."""
    return tuple(_MODULES)


def get(name: str) -> Method:
    """Return the method of that name."""
    if name not in _MODULES:
        raise InkoverError(f"no method {name!r}: {nearest(str(name), names())}")
    method: Method = import_module(_MODULES[name]).METHOD
    return method
