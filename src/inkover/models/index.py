"""What a model_index.json says: which family a model is of, and which of its parts are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inkover.errors import InkoverError
from inkover.models.family import Config, Family, foreign
from inkover.models.supported import FAMILIES, STABLE_DIFFUSION

OTHERS = ("text_encoder_2", "text_encoder_3", "text_encoder_4", "unet", "transformer", "transformer_2", "prior")
"""Networks that would have a part in the picture, where a family does not have them."""


def check_index(name: str, index: Config) -> Family:
    """Return the family with the parts that this model has.

    InkoverError unless the index names the parts of a model that can be used, and no code of its own.
    """
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise InkoverError(f"{name} asks for code of its own ({pipeline}), which is never run: use a plain model")
    family = _family(name, pipeline, index)
    gone = {part for part in family.optional if not _is_there(index.get(part))}
    there = {part: classes for part, classes in family.parts.items() if not (gone and part in family.optional)}
    for part, classes in there.items():
        _check_class(name, pipeline, part, index.get(part), classes)
    extra = [part for part in OTHERS if part not in family.parts and _is_there(index.get(part))]
    if extra:
        raise foreign(name, f"it is a {pipeline} (with a {extra[0]})")
    return having(family, there)


def having(family: Family, parts: Any) -> Family:
    """Return a family with these of its parts alone."""
    networks = {part: classes for part, classes in family.networks.items() if part in parts}
    tokenizers = {part: classes for part, classes in family.tokenizers.items() if part in parts}
    return replace(family, networks=networks, tokenizers=tokenizers)


def _family(name: str, pipeline: str, index: Config) -> Family:
    """Return the family that has such a denoiser; for one that no family has, the error that says so."""
    for family in FAMILIES:
        named: Any = index.get(family.denoiser)
        told = not family.told_by or _is_there(index.get(family.told_by))
        if told and _is_there(named) and named[1] in family.networks[family.denoiser]:
            return family
    if not _is_there(index.get("unet")) and _is_there(index.get("transformer")):
        _check_class(name, pipeline, "transformer", index["transformer"], ())  # which no class is one of
    return STABLE_DIFFUSION  # what it lacks is told with its parts


def _check_class(name: str, pipeline: str, part: str, named: Any, classes: tuple[str, ...]) -> None:
    if not _is_there(named):
        raise foreign(name, f"it is a {pipeline} without {_a(part)}")
    library, kind = named
    if library not in ("diffusers", "transformers"):
        raise InkoverError(f"{name}: its {part} asks for code of its own ({library}.{kind}), which is never run")
    if kind not in classes:
        raise foreign(name, f"it is a {pipeline} whose {part} is {_a(kind)}")


def _is_there(named: Any) -> bool:
    """Say whether a model index names something: an absent part is left out, or a pair of nulls."""
    return isinstance(named, (list, tuple)) and len(named) == 2 and all(isinstance(word, str) for word in named)


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeioAEIOU" else f"a {word}"
