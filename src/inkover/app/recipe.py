"""A recipe: everything that made a picture, as strict JSON, so that it can be made again to the byte."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from inkover.app.cleanup import Cleanup
from inkover.errors import InkoverError, nearest
from inkover.masks import algebra
from inkover.photo.atomic import write_whole

VERSION = 1
LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow", "opencv-python-headless")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class File:
    """A file that went in: where it was, and the SHA-256 of its bytes (of its pixels, where there was no file)."""

    file: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The model that was asked: how it was named, the hash of its weights, and how it ran."""

    spec: str | None  # None: components handed over in Python
    name: str
    hash: str
    config: str | None
    device: str
    dtype: str  # "": as the components were handed over


@dataclass(frozen=True, slots=True)
class Change:
    """One of several edits: what came or went."""

    text: str
    away: bool
    source: str  # what it was; "" where something came or went
    settings: Mapping[str, Any]  # its own knobs
    mask: File | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What made a picture."""

    photo: File
    model: Weights
    source: str
    target: str
    method: str
    settings: Mapping[str, Any]  # every knob of the method
    seed: int
    grow: float = 0.0  # photo pixels
    feather: float = 0.0  # photo pixels, as used
    mask: File | None = None  # None: the method found it, or there was none
    where: str = ""  # the mask in words, in place of a file
    places: tuple[File, ...] = ()  # the files that these words name, in their order
    cleanup: Cleanup = Cleanup()
    edits: tuple[Change, ...] = ()  # in place of the target
    windows: bool = False
    mark: bool = True
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

    def inputs(self) -> list[Path]:
        """Return the files that went in: nothing is ever written over them."""
        masks = [edit.mask for edit in self.edits]
        every = (self.photo, self.mask, *self.places, *masks)
        return [Path(one.file) for one in every if one is not None and one.file is not None]

    def to_json(self) -> str:
        """Return the recipe as JSON, keys in reading order."""
        edits = tuple(replace(edit, settings=dict(edit.settings)) for edit in self.edits)
        plain = replace(self, settings=dict(self.settings), versions=dict(self.versions), edits=edits)
        return json.dumps({"recipe": VERSION} | asdict(plain), indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the recipe to a file, whole or not at all; the files it names are written relative to its folder."""
        from inkover.models.loading import is_path

        folder = Path(path).parent
        text = self._with_files(lambda file: os.path.relpath(file, folder), is_path).to_json()
        write_whole(Path(path), text.encode("utf-8", "backslashreplace"))  # a file name may hold any bytes

    def _with_files(self, named: Callable[[str], str], is_path: Callable[[str], bool]) -> Recipe:
        """Return the recipe with the files it names named another way, and its model where that is a file."""
        photo, mask = _renamed(self.photo, named), self.mask and _renamed(self.mask, named)
        edits = tuple(replace(edit, mask=edit.mask and _renamed(edit.mask, named)) for edit in self.edits)
        where, places = algebra.renamed(self.where, named), tuple(_renamed(one, named) for one in self.places)
        model = _moved(self.model, named, is_path)
        return replace(self, photo=photo, mask=mask, where=where, places=places, edits=edits, model=model)

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Read a recipe file; InkoverError names what is wrong in it."""
        from inkover.models.loading import looks_like_path

        try:
            recipe, folder = cls.from_json(Path(path).read_text(encoding="utf-8")), Path(path).parent
            return recipe._with_files(lambda file: str(folder / file), looks_like_path)
        except FileNotFoundError as error:
            raise InkoverError(f"no such recipe: {path}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise InkoverError(f"{path} cannot be read as a recipe ({error}): hand a file made by --record") from error
        except InkoverError as error:
            raise InkoverError(f"{path} {error}") from error

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe: every key present, none unknown, each of its type."""
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InkoverError(f"is no JSON ({error}): hand a file made by --record") from error
        if not isinstance(values, dict) or "recipe" not in values:
            raise InkoverError("is no recipe: hand a file made by --record")
        version = values.pop("recipe")
        if version != VERSION or type(version) is not int:
            raise InkoverError(f"is a recipe of version {version!r}, this Inkover reads version {VERSION}")
        return _recipe(values)


def _renamed(file: File, named: Callable[[str], str]) -> File:
    return file if file.file is None else replace(file, file=named(file.file))


def _moved(model: Weights, named: Callable[[str], str], is_path: Callable[[str], bool]) -> Weights:
    """Return a model's files named another way; one that has a name of its own keeps it."""
    spec, name, config = model.spec, model.name, model.config
    if spec is not None and is_path(spec):
        name = os.path.basename(os.path.abspath(spec)) if name == spec else name  # folders are others elsewhere
        spec = _dotted(named(os.path.expanduser(spec)))
    return replace(model, spec=spec, name=name, config=config and named(os.path.expanduser(config)))


def _dotted(file: str) -> str:
    """Return a path that nobody takes for the name of a model."""
    return file if file.startswith(os.curdir) or os.path.isabs(file) else os.path.join(os.curdir, file)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


def _recipe(values: dict[str, Any]) -> Recipe:
    """Build the recipe from checked parts."""
    values = (
        dict[str, Any](edits=[], windows=False, where="", places=[]) | values
    )  # of a recipe from before there were these
    _keys(values, Recipe, "the recipe")
    _typed(values["edits"], (list,), "edits")
    _typed(values["places"], (list,), "places")
    parts = {
        "photo": _part(values["photo"], File, "photo"),
        "model": _part(values["model"], Weights, "model"),
        "mask": None if values["mask"] is None else _part(values["mask"], File, "mask"),
        "places": tuple(_part(one, File, f"places[{k}]") for k, one in enumerate(values["places"])),
        "cleanup": _part(values["cleanup"], Cleanup, "cleanup"),
        "edits": tuple(_change(edit, f"edits[{k}]") for k, edit in enumerate(values["edits"])),
    }
    for key, kind in _KINDS.items():
        _typed(values[key], kind, key)
    return Recipe(**(values | parts))


def _change(values: Any, where: str) -> Change:
    change = _part(values, Change, where)
    if change.mask is None:
        return change
    return replace(change, mask=_part(change.mask, File, f"{where}.mask"))


_KINDS: Mapping[str, tuple[type, ...]] = {
    "source": (str,),
    "target": (str,),
    "method": (str,),
    "where": (str,),
    "settings": (dict,),
    "seed": (int,),
    "grow": (int, float),
    "feather": (int, float),
    "mark": (bool,),
    "windows": (bool,),
    "versions": (dict,),
}
_PART_KINDS: Mapping[str, tuple[type, ...]] = {
    "color": (bool,),
    "away": (bool,),
    "settings": (dict,),
    "mask": (dict, type(None)),
    "sharpen": (int, float),
    "denoise": (int, float),
    "spec": (str, type(None)),
    "file": (str, type(None)),
    "config": (str, type(None)),
}


def _part(values: Any, kind: type[T], where: str) -> T:
    """Build one of the recipe's small parts."""
    if not isinstance(values, dict):
        raise InkoverError(f"has {where} {values!r}, expected an object")
    _keys(values, kind, where)
    for key, value in values.items():
        _typed(value, _PART_KINDS.get(key, (str,)), f"{where}.{key}")
    return kind(**values)


def _keys(values: Mapping[str, Any], kind: type, where: str) -> None:
    """Refuse unknown and missing keys."""
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise InkoverError(f"has an unknown key {key!r} in {where}: {nearest(key, known)}")
    missing = [name for name in known if name not in values]
    if missing:
        raise InkoverError(f"lacks {', '.join(missing)} in {where}: hand a file made by --record")


def fits(value: Any, kinds: tuple[type, ...]) -> bool:
    """Tell whether a value is of one of some types; true and false are no numbers."""
    return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _typed(value: Any, kinds: tuple[type, ...], where: str) -> None:
    """Refuse a value of another type."""
    if not fits(value, kinds):
        names = " or ".join({"NoneType": "null"}.get(kind.__name__, kind.__name__) for kind in kinds)
        raise InkoverError(f"has {where} {value!r}, expected {names}")


@cache
def versions() -> Mapping[str, str]:
    """Return the versions of the libraries that numbers depend on."""
    from importlib.metadata import PackageNotFoundError, version

    import inkover

    found = {"inkover": inkover.__version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # opencv comes under several names
            continue
    return MappingProxyType(found)
