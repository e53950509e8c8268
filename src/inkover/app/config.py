"""The user's own defaults: a configuration file, and the environment."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from inkover.errors import InkoverError, nearest

EMBEDDED = "tabletop"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is used where the command line says nothing; None leaves the choice to the part that needs it."""

    model: str = EMBEDDED
    device: str | None = None
    dtype: str | None = None


def file() -> Path:
    """Return where the user's configuration file is looked for."""
    from platformdirs import user_config_path

    return user_config_path("inkover") / "config.toml"


def defaults() -> Defaults:
    """Return the defaults of the configuration file, with ``INKOVER_MODEL`` over them."""
    values = _from_file(file())
    model = os.environ.get("INKOVER_MODEL", "").strip()
    return Defaults(**(values | ({"model": model} if model else {})))


def _from_file(path: Path) -> dict[str, str]:
    """Read the configuration file, if there is one."""
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise InkoverError(f"{path} cannot be read as TOML ({error}): mend it or move it away") from error
    for key, value in values.items():
        _check(path, key, value)
    return values


def _check(path: Path, key: str, value: object) -> None:
    """Refuse a key or a value that means nothing here."""
    known = [field.name for field in fields(Defaults)]
    if key not in known:
        raise InkoverError(f"{path} has no setting {key!r}: {nearest(key, known)}")
    if not isinstance(value, str) or not value.strip():
        raise InkoverError(f'{path} sets {key} to {value!r}, expected words in quotes: {key} = "..."')
