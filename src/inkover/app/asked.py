"""From what was asked for to a checked wish: everything that can be wrong before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from inkover import methods
from inkover.app import edits, inputs, where
from inkover.app.cleanup import Cleanup, parsed
from inkover.app.edits import Edit
from inkover.app.flow import Mask, Wanted, Wish
from inkover.app.inputs import Source
from inkover.app.recipe import File, Recipe, Weights, versions
from inkover.app.where import Where
from inkover.attention import emphasis
from inkover.attention.words import Span
from inkover.errors import InkoverError
from inkover.knobs import turned
from inkover.methods.contract import Method
from inkover.methods.settings import build, knobs
from inkover.photo import LONGEST, Photo


def wish(
    photo: Source,
    source: str,
    target: str,
    method: str,
    settings: Mapping[str, Any],
    seed: int,
    grow: float,
    feather: float | None,
    cleanup: str | Cleanup,
    masked: bool,
    looking: bool = False,  # for the mask alone
    several: Sequence[Edit] = (),  # in place of the target
    windows: bool = False,
    place: Where | None = None,
) -> Wish:
    """Check everything that needs no model, the cheap things first."""
    written = prompts(source, target, several)
    chosen = methods.get(method)
    own = edits.all_masked(several) if several and chosen.find_masks is not None else masked
    own = own and not (place is not None and place.finds)
    made = build(chosen, settings, masked=own, looking=looking)
    texts = weighed(chosen, *written)
    check_windows(chosen, made, windows)
    check_edges(chosen, masked, grow, feather)
    clean = _cleanup(cleanup)
    edges = float(grow), None if feather is None else float(feather)  # numpy's numbers are none that JSON can hold
    opened = inputs.opened(photo)
    found = edits.checked(several, chosen, made, opened.size)
    check_reading(chosen, made, written[0], found)
    if place is not None:
        place.check(chosen, opened.size)
    return Wish(opened, chosen, made, *texts, written, inputs.seed(seed), *edges, clean, found, windows, place)


def check_reading(method: Method, made: Any, source: str, several: Sequence[Wanted]) -> None:
    """Refuse knobs that say how the photo's text is read where there is none, its own or that of a single change."""
    told = source or (several[0].change.source if len(several) == 1 else "")
    if not told and (idle := turned(made, method.reading)):
        raise InkoverError(f"{idle[0]} has no effect without a source text: leave it out, or say --from")


def check_windows(method: Method, made: Any, windows: bool) -> None:
    """Refuse a method that steers attention where each window would look only at itself."""
    if windows and method.steers(made):
        raise InkoverError(
            f"method {method.name!r} steers attention, and each window would look only at itself: leave --windows out, "
            "or give a method such as diffedit"
        )


def check_place(given: str | None, place: Where | None, target: bool) -> None:
    """Refuse what is no mask in words, and a target that it makes no use of."""
    if given is not None and place is None:
        raise InkoverError(f"{given!r} is no mask in words: write words(red ball), or not m.png")
    if place is not None and target and not place.finds:
        raise InkoverError(f"the mask {place.text!r} makes no use of a target: leave --to out, or write found in it")


def check_idle(method: str | None, settings: Mapping[str, Any]) -> None:
    """Refuse a method and its knobs where no method is asked."""
    idle = ["method"] * (method is not None) + list(settings)
    if idle:
        raise InkoverError(f"{idle[0]} has no effect on a mask in words without found: leave it out")


def place_wish(photo: Source, source: str, place: Where, seed: int, grow: float, feather: float | None) -> Wish:
    """Return the wish to see a mask in words, for which no method is asked."""
    usual, source = methods.get(methods.names()[0]), inputs.text("source", source)
    check_edges(usual, True, grow, feather)
    edges, opened = (float(grow), None if feather is None else float(feather)), inputs.opened(photo)
    place.check(usual, opened.size)
    made = build(usual, {}, masked=False, looking=True)
    return Wish(opened, usual, made, source, "", (), (source, ""), inputs.seed(seed), *edges, where=place)


def usual_method(several: Sequence[object]) -> str:
    """Return the method that is meant for edits when none is named."""
    edits.check_list(several)
    return usual(bool(several), any(edit.source for edit in several if isinstance(edit, Edit)))


def usual(several: bool, turning: bool) -> str:
    """Return the method that is meant when none is named: for one change, for several, for things that turn."""
    if not several:
        return methods.names()[0]
    return "multi-diffedit" if turning else "ledits++"


def _cleanup(asked: str | Cleanup) -> Cleanup:
    if isinstance(asked, Cleanup):
        return asked
    if not isinstance(asked, str):
        raise InkoverError(f'cleanup is {asked!r}, expected words: cleanup="color,sharpen=0.3"')
    return parsed(asked) if asked else Cleanup()


def prompts(source: str, target: str, several: Sequence[Any] = ()) -> tuple[str, str]:
    """Return both texts without space around them; refuse an empty target, and what no model reads.

    Where there are ``several`` edits, they stand in place of the target.
    """
    source, target = inputs.text("source", source), inputs.text("target", target)
    if several and target:
        raise InkoverError(f"--to {target!r} and edits of their own are both given: say all of it in one of them")
    if not target and not several:
        raise InkoverError('the target text is empty: say what the photo shall show, --to "a blue ball on grass"')
    return source, target


def weighed(method: Method, source: str, target: str) -> tuple[str, str, tuple[tuple[Span, float], ...]]:
    """Return both texts without weights, and the target's weights; InkoverError for weights that have no effect."""
    before, after = emphasis.parse(source), emphasis.parse(target)
    if before.weights:
        raise InkoverError(f"the words of {source!r} cannot be weighed: weights belong to what it shall show, --to")
    if after.weights and not method.weighs:
        able = " or ".join(name for name in methods.names() if methods.get(name).weighs)
        raise InkoverError(f"method {method.name!r} cannot weigh words: leave the weights out, or give --method {able}")
    if any(weight == 1 for _, weight in after.weights):
        raise InkoverError(f"a weight of 1 in {target!r} changes nothing: give another, or leave it out")
    if target and before.text.split() == after.text.split() and not after.weights:
        raise InkoverError(nothing_to_do(source, target))
    return before.text, after.text, after.weights


def nothing_to_do(source: str, target: str) -> str:
    """Say that two texts ask for no change."""
    if source == target:
        return f"source and target are both {target!r}: nothing to do, say in --to what shall be different"
    return f"{source!r} and {target!r} read the same: nothing to do, say in --to what shall be different"


def check_edges(method: Method, masked: bool, grow: float, feather: float | None) -> None:
    """Refuse a growth or a feather that is no sensible number, or that has no mask to work on."""
    for name, value in (("grow", grow), ("feather", feather)):
        low = -LONGEST if name == "grow" else 0
        if not (value is None and name == "feather") and (isinstance(value, bool) or not isinstance(value, Real)):
            raise InkoverError(f"{name} is {value!r}, expected a number of pixels")
        if value is not None and not low <= value <= LONGEST:
            raise InkoverError(f"{name} is {float(str(value)):g} pixels, expected {low} to {LONGEST}")
        if value and abs(value) < 1:
            raise InkoverError(
                f"{name} {value:g} is less than a pixel and changes nothing: give 1 or more, or leave it out"
            )
    if (grow or feather) and not masked and method.find_mask is None:
        name = "grow" if grow else "feather"
        raise InkoverError(f"{name} needs a mask, and method {method.name!r} finds none: add --mask FILE")


def finders() -> str:
    """Return the names of the methods that find a mask."""
    return ", ".join(name for name in methods.names() if methods.get(name).find_mask is not None)


def again(
    recipe: Recipe, weights: Weights, photo: Source | None, given: str | Path | Mask | None
) -> tuple[Wish, Mask | None, File | None, tuple[str, ...]]:
    """Turn a recipe back into a wish, its mask, and what to warn of where photo or versions are others."""
    check_weights(recipe, weights)
    chosen = _recipe_photo(recipe, photo)
    wished = from_recipe(recipe, chosen)
    mask_given, file = recipe_mask(recipe, given, wished.photo.size)
    return wished, mask_given, file, differences(recipe, weights, inputs.photo_file(wished.photo))


def check_weights(recipe: Recipe, weights: Weights) -> None:
    """Refuse other weights than the recipe's: they would make another picture."""
    if weights.hash != recipe.model.hash:
        raise InkoverError(
            f"the recipe was made with {recipe.model.name} ({recipe.model.hash[:12]}), not with these weights of "
            f"{weights.name} ({weights.hash[:12]}): load that model, or make the edit anew without the recipe"
        )


def from_recipe(recipe: Recipe, photo: Photo) -> Wish:
    """Return the wish that a recipe stands for."""
    method = methods.get(recipe.method)
    made = build(method, recipe.settings)
    missing = [knob.name for knob in knobs(method.settings) if knob.name not in recipe.settings]
    if missing:
        lacking = f"the recipe lacks {', '.join(missing)} in settings, which this version has"
        raise InkoverError(f"{lacking}: hand a file that its own --record made, or make the edit anew")
    check_windows(method, made, recipe.windows)
    several = [edits.again(change) for change in recipe.edits]
    written = prompts(recipe.source, recipe.target, several)
    texts = weighed(method, *written)
    place = where.again(recipe.where, recipe.places)
    check_edges(method, recipe.mask is not None or place is not None, recipe.grow, recipe.feather)
    if place is not None:
        place.check(method, photo.size)
    edges = (recipe.grow, recipe.feather)
    found = edits.checked(several, method, made, photo.size)
    for change, wanted in zip(recipe.edits, found, strict=True):
        edits.check_same(change, wanted.change.mask)
    check_reading(method, made, written[0], found)
    seed, clean = inputs.seed(recipe.seed), recipe.cleanup
    return Wish(photo, method, made, *texts, written, seed, *edges, clean, found, recipe.windows, place)


def _recipe_photo(recipe: Recipe, photo: Source | None) -> Photo:
    if photo is not None:
        return inputs.opened(photo)
    if recipe.photo.file is None:
        raise InkoverError("the recipe's photo was no file: hand over the photo")
    return inputs.opened(recipe.photo.file)


def recipe_mask(
    recipe: Recipe, given: str | Path | Mask | None, size: tuple[int, int]
) -> tuple[Mask | None, File | None]:
    """Return the recipe's mask, from its own file or from the one given, and check that it is the same."""
    if recipe.mask is None:
        if given is not None:
            raise InkoverError("the recipe has no mask of its own: leave --mask out, or make the edit anew")
        return None, None
    chosen = recipe.mask.file if given is None else given
    if chosen is None:
        raise InkoverError("the recipe's mask was no file: hand over the mask")
    array = inputs.mask(chosen, size)
    file = inputs.mask_file(chosen)
    if file is None or file.sha256 != recipe.mask.sha256:
        raise InkoverError(
            f"the mask {(file and file.file) or 'given'} is not the recipe's: hand over the mask it was made with"
        )
    return array, file


def differences(recipe: Recipe, weights: Weights, photo: File) -> tuple[str, ...]:
    """Return a warning for everything that makes another picture, or might."""
    found = []
    if photo.sha256 != recipe.photo.sha256:
        found.append("this is another photo than the recipe's: the edit is the recipe's, the picture is not")
    ran, runs = (recipe.model.device, recipe.model.dtype), (weights.device, weights.dtype)
    if ran != runs:
        found.append(f"the recipe ran on {' in '.join(ran)}, this on {' in '.join(runs)}: bytes may differ")
    here = versions()
    others = [f"{name} {v}" for name, v in recipe.versions.items() if here.get(name) != v]
    if others:
        found.append(f"the recipe was made with {', '.join(others)}: bytes may differ here")
    return tuple(found)
