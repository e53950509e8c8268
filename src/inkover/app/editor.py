"""The editor: a model, and what can be asked of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkover.app import asked, flow, inputs, tracing, where
from inkover.app.cache import Cache
from inkover.app.cleanup import Cleanup
from inkover.app.edits import Edit
from inkover.app.flow import Drawn, Mask, View, Wish
from inkover.app.inputs import Source
from inkover.app.meter import Counted, Meter
from inkover.app.progress import Show
from inkover.app.recipe import File, Recipe, Weights, versions
from inkover.app.remembered import Keeper, Remembered
from inkover.app.result import Found, Result
from inkover.app.tracing import Traced, Way
from inkover.app.where import Where
from inkover.errors import InkoverError
from inkover.masks.algebra import FOUND, Place
from inkover.methods.contract import Tracks
from inkover.methods.parts import walked
from inkover.models.contract import Model
from inkover.photo import Photo


@dataclass(frozen=True, slots=True)
class Editor:
    """A model that is ready to change photos."""

    model: Model
    weights: Weights
    load_seconds: float = 0.0
    remember: bool = True  # inversions, on disk: the next edit of a photo need not trace it again
    memory: Keeper | None = None  # of inversions, in place of the disk

    @classmethod
    def load(
        cls,
        spec: Any = "tabletop",  # a name, a folder, a file, a hub id, or the components of a diffusers pipeline
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype | None = None,
        config: str | Path | None = None,
        remember: bool = True,
    ) -> Editor:
        """Load a model; InkoverError says what is missing and where to get it.

        ``remember`` keeps inversions on disk, so that the next edit of a photo need not trace it again.
        """
        from inkover.models.loading import load

        if remember:
            Cache()  # what is wrong with where it lies is said now
        start = time.perf_counter()
        device, dtype = str(device or "auto"), None if dtype is None else str(dtype).removeprefix("torch.")
        model = load(spec, device=device, dtype=dtype, config=config)
        named = isinstance(spec, str | Path)
        weights = Weights(
            spec=str(spec) if named else None,
            name=model.name,
            hash=model.fingerprint,
            config=None if config is None else str(config),
            device=model.text("").hidden.device.type,
            dtype=dtype or ("float32" if named else ""),
        )
        return cls(model, weights, time.perf_counter() - start, remember)

    def edit(
        self,
        photo: Source,
        *,
        target: str = "",
        source: str = "",
        edits: Sequence[Edit] = (),
        method: str | None = None,
        seed: int = 0,
        mask: str | Path | Mask | None = None,
        grow: float = 0.0,
        feather: float | None = None,
        cleanup: str | Cleanup = "",
        windows: bool = False,
        show: Show | None = None,
        **settings: Any,
    ) -> Result:
        """Change a photo so that it shows what ``target`` says; ``source`` says what it shows now.

        ``edits`` stand in place of the target: several things that come or go at once. ``method`` is ``diffedit`` if
        not given, and ``ledits++`` for edits.
        ``mask`` is a file, an array (H, W), 1 = edit here, or words such as ``words(red ball) and not box(...)``;
        without one the method finds it, if it can, and edits the whole photo otherwise. ``windows`` works on all of a
        large photo at its own size, through windows of the model's. ``grow`` and ``feather`` (None: chosen from the
        mask) are in photo pixels, and ``settings`` are the knobs of the method.
        """
        started = time.perf_counter()
        chosen = asked.usual_method(edits) if method is None else method
        edges, masked, place = (grow, feather, cleanup), mask is not None, where.read(mask)
        wish = asked.wish(
            photo, source, target, chosen, settings, seed, *edges, masked, several=edits, windows=windows, place=place
        )
        mask = None if place is not None else mask
        given = None if mask is None else inputs.mask(mask, wish.photo.size)
        return self.fulfil(wish, given, inputs.mask_file(mask), Meter(show), time.perf_counter() - started)

    def mask(
        self,
        photo: Source,
        *,
        target: str = "",
        source: str = "",
        edits: Sequence[Edit] = (),
        mask: str | None = None,
        method: str | None = None,
        seed: int = 0,
        grow: float = 0.0,
        feather: float = 0.0,
        show: Show | None = None,
        **settings: Any,
    ) -> Found:
        """Find where a photo would be changed, and change nothing.

        ``mask`` says it in words, such as ``words(red ball) and not box(0, 0, 50%, 100%)``: only ``found`` in it needs
        a target.
        """
        chosen, place = asked.usual_method(edits) if method is None else method, where.read(mask)
        asked.check_place(mask, place, bool(target or edits))
        if place is not None and not place.finds:
            asked.check_idle(method, settings)
            return self.look(asked.place_wish(photo, source, place, seed, grow, feather), Meter(show))
        edges = (grow, feather, "", False, True)
        wish = asked.wish(photo, source, target, chosen, settings, seed, *edges, edits, place=place)
        return self.look(wish, Meter(show))

    def invert(
        self,
        photo: Source,
        *,
        source: str = "",
        inversion: str = "ddim",
        steps: int = 50,
        strength: float = 1.0,
        guidance: float | None = None,
        seed: int = 0,
        show: Show | None = None,
        **settings: Any,
    ) -> Traced:
        """Trace a photo into the model and back, and say how truly it comes back; ``source`` says what it shows.

        ``guidance`` is that of the way back (None: the one that the inversion is exact at), ``settings`` are the knobs
        of the inversion.
        """
        way = tracing.way(source, inversion, steps, strength, guidance, seed, settings)
        return self.trace(way, inputs.opened(photo), Meter(show))

    def trace(self, way: Way, photo: Photo, meter: Meter) -> Traced:
        """Go a checked way with a photo."""
        model, forgotten = Counted(self.model, meter), list[str]()
        meter.seconds["load"] += self.load_seconds
        view = flow.whole(model, photo)
        found = tracing.there_and_back(model, photo, view, way, self._tracks(view, forgotten.append))
        return replace(found, warnings=tuple(forgotten))

    def replay(
        self,
        recipe: Recipe,
        photo: Source | None = None,
        mask: str | Path | Mask | None = None,
        show: Show | None = None,
    ) -> Result:
        """Make a recipe's picture again, from its own photo and mask or from others.

        Another model than the recipe's is an error, since it would make another picture; another photo is a warning.
        """
        if not isinstance(recipe, Recipe):
            raise InkoverError(f"{recipe!r} is no recipe: hand over result.record, or inkover.Recipe.read(FILE)")
        wish, given, file, warnings = asked.again(recipe, self.weights, photo, mask)
        result = self.fulfil(wish, given, file, Meter(show))
        return replace(result, warnings=(*warnings, *result.warnings), record=replace(result.record, mark=recipe.mark))

    def fulfil(self, wish: Wish, given: Mask | None, file: File | None, meter: Meter, spent: float = 0.0) -> Result:
        """Do what a checked wish says, inside a mask where one is given; ``spent`` are seconds on the photo so far."""
        model = Counted(self.model, meter)
        self._check_heard(wish)
        self._check_prompts(wish)
        meter.seconds["photo"] += spent
        meter.seconds["load"] += self.load_seconds
        looked = not wish.has_masks(given is not None)
        given, view = (given, None) if wish.where is None else self._placed(model, wish, wish.where)
        wish, found, seen = self._found(model, wish, given)
        seen = seen or view
        start = found if given is None else given
        with meter.timed("photo"):
            wish, mask, feather = self._shaped(wish, start, given is not None)
        drawing, photo, forgotten = None, wish.photo, list[str]()
        if mask.any():
            view = self._view(model, wish, mask if start is not None else None, seen)
            tracks = self._tracks(view, forgotten.append)
            drawing = flow.drawn(model, wish, None if start is None else mask, view, tracks)
            photo = flow.laid(meter, wish, mask, drawing)
        return Result(
            photo=photo,
            original=wish.photo,
            mask=mask,
            record=self._record(wish, feather, file),
            samples=dict(meter.samples),
            calls=dict(meter.calls),
            seconds=dict(meter.seconds),
            warnings=(
                *forgotten,
                *_emptied(wish),
                *(_still(wish, drawing) if mask.any() else (_empty(wish, given is not None),)),
            ),
            acted=dict(meter.acts),
            notes=(*self._notes(wish, meter, not looked), *_narrowed(wish, mask, feather)),
            found=found,
            each=_each(wish),
            drawn=drawing,
        )

    def _shaped(self, wish: Wish, start: Mask | None, given: bool) -> tuple[Wish, Mask, float]:
        """Grow and soften what is to be changed: a mask for all of it, or each of several edits' own."""
        if start is None:
            return wish, *_everywhere(wish)
        if given or not wish.edits or wish.method.find_masks is None:
            return wish, *flow.shaped(start, wish.grow, wish.feather)
        # one width for all, so that a recipe, which has one, makes the same masks again
        feather = flow.shaped(start, wish.grow, wish.feather)[1] if wish.feather is None else wish.feather
        shaped = [flow.shaped(one.mask, wish.grow, feather) for one in wish.edits if one.mask is not None]
        edits = tuple(replace(one, mask=mask) for one, (mask, _) in zip(wish.edits, shaped, strict=True))
        whole: Mask = np.stack([mask for mask, _ in shaped]).max(0)
        return replace(wish, edits=edits), whole, max(feather for _, feather in shaped)

    def _view(self, model: Counted, wish: Wish, mask: Mask | None, seen: View | None) -> View:
        """Return what is worked on: all of the photo, or what is around the mask where no windows show all of it."""
        if mask is None or wish.windows:
            return seen or flow.whole(model, wish.photo, wish.windows)
        return flow.close_up(model, wish.photo, mask, seen)

    def _tracks(self, view: View, warn: Callable[[str], None]) -> Tracks:
        """Return what is remembered of a view's inversions."""
        if self.memory is not None:
            return Remembered(self.memory, view.canvas, self.weights.dtype)
        if not self.remember:
            return flow.FORGETFUL
        return Remembered(Cache(warn=warn), view.canvas, self.weights.dtype)

    def _notes(self, wish: Wish, meter: Meter, masked: bool) -> tuple[str, ...]:
        return (
            *_unread(wish, meter),
            *_unseeded(wish, masked),
            *self._uncached(wish),
            *_idle(wish, meter),
            *self._small(wish),
        )

    def _small(self, wish: Wish) -> tuple[str, ...]:
        """Say so where windows are asked for and one shows all of the photo."""
        if not wish.windows or max(wish.photo.size) > self.model.resolution:
            return ()
        return (f"the photo is no larger than this model's {self.model.resolution} px: there is one window, all of it",)

    def _uncached(self, wish: Wish) -> tuple[str, ...]:
        """Say so where nothing is to be remembered and nothing is traced."""
        if self.remember or self.memory is not None or wish.method.cost(wish.settings)["inversion"]:
            return ()
        return (f"method {wish.method.name!r} traces nothing here: there is nothing that a cache could keep",)

    def _found(self, model: Counted, wish: Wish, given: Mask | None) -> tuple[Wish, Mask | None, View | None]:
        """Return the mask that the method finds, if it is one that does, and the view it was found on.

        Of several edits each gets its own, also where a mask holds all of them.
        """
        find, find_each = wish.method.find_mask, wish.method.find_masks
        if wish.edits and find_each is not None:
            view = flow.whole(model, wish.photo, wish.windows)
            edits = flow.found_each(model, wish, find_each, view)
            everywhere = np.stack([wanted.mask for wanted in edits if wanted.mask is not None]).max(0)
            return replace(wish, edits=edits), everywhere if given is None else None, view
        if find is None or given is not None:
            return wish, None, None
        view = flow.whole(model, wish.photo, wish.windows)
        return wish, flow.found(model, wish, find, view), view

    def _placed(self, model: Counted, wish: Wish, place: Where) -> tuple[Mask, View | None]:
        """Put a mask in words together, and return the view on which the model was asked, if it was."""
        if not place.asks:
            return place.mask(wish.photo.size, _unasked), None
        view = flow.whole(model, wish.photo)

        known = dict[Place, Mask]()  # the same place is asked for once

        def asked_for(one: Place) -> Mask:
            if one not in known:
                known[one] = self._looked(model, wish, one, view)
            return known[one]

        mask = place.mask(wish.photo.size, asked_for)
        return mask, None if wish.windows else view

    def _looked(self, model: Counted, wish: Wish, place: Place, view: View) -> Mask:
        """Ask the method or the model for one place."""
        if place.kind != FOUND:
            return flow.placed(model, wish, place, view)
        found = self._found(model, wish, None)[1]
        assert found is not None
        return found

    def look(self, wish: Wish, meter: Meter) -> Found:
        """Find the mask that a checked wish leads to."""
        if wish.method.find_mask is None and wish.where is None:
            raise InkoverError(f"method {wish.method.name!r} finds no mask: {asked.finders()} do")
        self._check_prompts(wish)
        model = Counted(self.model, meter)
        meter.seconds["load"] += self.load_seconds
        if wish.where is not None:
            found: Mask | None = self._placed(model, wish, wish.where)[0]
        else:
            wish, found, _ = self._found(model, wish, None)
        assert found is not None
        with meter.timed("photo"):
            mask, feather = flow.shaped(found, wish.grow, wish.feather)
            sought = (wanted.mask for wanted in wish.edits if wanted.mask is not None)
            each = tuple(flow.shaped(one, wish.grow, wish.feather)[0] for one in sought)
        record, costs = self._record(wish, feather, None), (dict(meter.samples), dict(meter.calls), dict(meter.seconds))
        return Found(mask, record, *costs, wish.photo, _empties(wish, mask, each), each)

    def _check_heard(self, wish: Wish) -> None:
        """Refuse, before the photo is traced, a method that steers attention which this model does not let be heard."""
        if wish.method.steers(wish.settings) and not self.model.heard:
            raise InkoverError(
                f"the attention of {self.model.name} is joint, words and picture in one, and cannot be steered, as "
                f"method {wish.method.name!r} does: use one without attention control, such as flowedit, or a Stable "
                "Diffusion 1.x or 2.x"
            )

    def _check_prompts(self, wish: Wish) -> None:
        """Refuse two texts that this model reads as one: nothing would change, but for weights of words."""
        if wish.weights or wish.edits or not wish.target:
            return
        source, target = self.model.text(wish.source), self.model.text(wish.target)
        if torch.equal(source.hidden, target.hidden) and _same(source.extra, target.extra):
            raise InkoverError(asked.nothing_to_do(wish.source, wish.target))

    def _record(self, wish: Wish, feather: float, mask: File | None) -> Recipe:
        return Recipe(
            photo=inputs.photo_file(wish.photo),
            model=self.weights,
            source=wish.written[0],
            target=wish.written[1],
            method=wish.method.name,
            settings=asdict(wish.settings),
            seed=wish.seed,
            grow=wish.grow,
            feather=feather,
            mask=mask,
            where="" if wish.where is None else wish.where.text,
            places=() if wish.where is None else wish.where.files,
            cleanup=wish.cleanup,
            edits=tuple(wanted.change for wanted in wish.edits),
            windows=wish.windows,
            versions=versions(),
        )


def _unasked(place: Place) -> Mask:
    raise AssertionError(place)


def _each(wish: Wish) -> tuple[Mask, ...]:
    """Return the mask of each of several edits, where each has one."""
    masks = [one.mask for one in wish.edits if one.mask is not None]
    return tuple(masks) if len(masks) == len(wish.edits) else ()


def _everywhere(wish: Wish) -> tuple[Mask, float]:
    return np.ones(wish.photo.size, np.float32), 0.0


def _still(wish: Wish, drawing: Drawn | None) -> tuple[str, ...]:
    """Say so where the method gave the photo back as it was."""
    if drawing is None or drawing.after is not drawing.before:
        return ()
    strength, steps = (getattr(wish.settings, name, None) for name in ("strength", "steps"))
    if strength is None or steps is None or walked(steps, strength):
        return (f"method {wish.method.name!r} changed nothing, so the photo stays as it is: turn another of its knobs",)
    return (f"strength {strength:g} of {steps} steps is no step, so the photo stays as it is: raise --strength",)


def _emptied(wish: Wish) -> tuple[str, ...]:
    """Say of each of several edits whose mask selects nothing which knobs make it larger."""
    shared = len(wish.edits) > 1 and getattr(wish.settings, "overlap", "") == "owner"
    other = "give overlap=combined, " if shared else ""
    empty = [wanted.change for wanted in wish.edits if wanted.mask is not None and not wanted.mask.any()]
    return tuple(
        f"the mask of {change.text!r} is empty, so that nothing is changed for it: lower its threshold, {other}"
        "or hand it a mask"
        for change in empty
    )


def _empties(wish: Wish, mask: Mask, each: tuple[Mask, ...]) -> tuple[str, ...]:
    if each:
        return _emptied(wish)
    return () if mask.any() else (_empty(wish, False),)


def _empty(wish: Wish, masked: bool) -> str:
    """Say which knobs make an empty mask larger."""
    if wish.where is not None:
        return f"the mask {wish.where.text!r} selects nothing, so the photo stays as it is: look at each of its parts"
    if masked:
        return "the mask is empty, so the photo stays as it is: grow less negatively, or give a larger mask"
    threshold = getattr(wish.settings, "threshold", None)
    lower = "" if threshold is None else "lower the threshold, or "
    if isinstance(threshold, float) and threshold > 0:
        lower = f"lower the threshold, --set threshold={threshold / 2:g}, or "
    shrunk = "grow less negatively, or " if wish.grow < 0 else ""
    return f"the mask is empty, so the photo stays as it is: {shrunk}{lower}give a mask, --mask FILE"


def _unread(wish: Wish, meter: Meter) -> tuple[str, ...]:
    """Say so where the source text had no part in the edit."""
    if not wish.source or meter.source_read:
        return ()
    return (f"method {wish.method.name!r} did not read the source text here: the result is the same without it",)


def _unseeded(wish: Wish, masked: bool) -> tuple[str, ...]:
    """Say so where a seed was given and no noise is drawn."""
    if not wish.seed or wish.method.seeded(masked):
        return ()
    return (f"method {wish.method.name!r} draws no noise here: the result is the same with any seed",)


def _idle(wish: Wish, meter: Meter) -> tuple[str, ...]:
    """Say so of each of several edits that no step was asked about."""
    if wish.method.compares:
        return ()  # of an empty mask there is a warning
    idle = [wanted.change.text for k, wanted in enumerate(wish.edits) if k not in meter.acts]
    return tuple(f"{text!r} never acts: check its guidance, warmup, cooldown and mask" for text in idle)


def _narrowed(wish: Wish, mask: Mask, feather: float) -> tuple[str, ...]:
    """Say so where the soft edge is not as wide as was asked."""
    if wish.feather is None or wish.feather == feather or not mask.any():
        return ()
    return (f"the soft edge is {feather:g} px and not {wish.feather:g}: at most an eighth of the mask's shorter side",)


def _same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
