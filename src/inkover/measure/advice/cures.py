"""What mends a fault: which way each knob leads to it, and the recipe with the knobs turned the other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inkover import methods
from inkover.app.recipe import File, Recipe
from inkover.attention import emphasis
from inkover.errors import InkoverError
from inkover.knobs import Knob, defaults
from inkover.measure.advice import phrasing
from inkover.measure.advice.signs import Signs
from inkover.methods.contract import Method
from inkover.methods.settings import build, knobs

HIGH, LOW = 1, -1
Lean = tuple[str, int, float]
"""A knob, which way it leads to a fault, and what it is multiplied by to lead out of it."""

WEAK: tuple[Lean, ...] = (
    ("guidance_from", HIGH, 0.5),
    ("guidance_to", LOW, 2.0),
    ("strength", LOW, 1.25),
    ("guidance", LOW, 1.6),
    ("cross", HIGH, 0.6),
    ("layout", HIGH, 0.5),
    ("source_guidance", HIGH, 0.6),
    ("steps", LOW, 2.0),
)
"""Less of the way to noise, words that are followed less or in fewer steps, a layout and looks held on to longer."""
STRONG: tuple[Lean, ...] = (
    ("strength", HIGH, 0.75),
    ("guidance", HIGH, 0.6),
    ("cross", LOW, 1.5),
    ("layout", LOW, 1.5),
    ("source_guidance", LOW, 1.5),
    ("start", HIGH, 0.5),
    ("finish", HIGH, 0.5),
)
"""What makes an edit weak, turned too far the other way."""
NARROW: tuple[Lean, ...] = (("threshold", HIGH, 0.5), ("blend_threshold", HIGH, 0.5))
WIDE: tuple[Lean, ...] = (
    ("threshold", LOW, 1.6),
    ("clamp", LOW, 1.0),
    ("closing", HIGH, 1.0),
    ("blend_threshold", LOW, 1.6),
)
"""A mask that begins at less of its map is wider; at a smaller part that is no extreme, or with gaps closed, too."""
HARSH: tuple[Lean, ...] = (
    ("guidance", HIGH, 0.6),
    ("steps", LOW, 2.0),
    ("rescale", LOW, 1.0),
    ("strength", HIGH, 0.8),
    ("mask_strength", HIGH, 1.0),
)
UNTRUE: tuple[Lean, ...] = (("steps", LOW, 2.0), ("rounds", LOW, 3.0), ("iterations", LOW, 2.0))
"""An inversion follows the photo in more and smaller steps, or refines each, more truly."""
MOST = {"strength": 1.0, "cross": 1.0, "layout": 1.0, "guidance_to": 1.0, "rounds": 20, "threshold": 0.9,
        "blend_threshold": 0.9}  # fmt: skip
ENOUGH = 15
"""Steps."""
OTHER_MODEL = "stable-diffusion-v1-5/stable-diffusion-v1-5"


@dataclass(frozen=True, slots=True)
class Case:
    """What a cure may look at."""

    recipe: Recipe
    signs: Signs
    phrasing: phrasing.Phrasing
    side: int  # the photo's shorter side, pixels
    mask: File | None = None  # of where the edit was to be, as the user says
    count: Callable[[str], int] = lambda text: len(text.split())  # the tokens of a text
    vocabulary: tuple[str, ...] = ()  # words that the model knows, where that is known


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do: in words, and the recipe to make next; None where no recipe mends it."""

    text: str
    recipe: Recipe | None
    arguments: tuple[str, ...] = ()  # another command, in place of an edit


def weak(case: Case) -> Cure:
    """More of the way to noise, more of the words; or where the mask misses the place, a wider mask."""
    recipe = case.recipe
    if recipe.grow < 0:
        return _said("The mask was shrunk too far: take it as it is.", replace(recipe, grow=0.0, feather=0.0))
    if _misses(case):
        wider = _masked(case) if _given(recipe) else replace(_turned(recipe, NARROW), feather=0.0)
        if _given(recipe) and not _same_mask(wider, recipe):
            return _said("The mask is too small: take the place where the texts differ.", wider)
        if wider.settings != recipe.settings:
            return _said(f"The mask is too small: {_changes(recipe, wider)}.", wider)
    return _knobs(recipe, WEAK, "Let the words have more of it")


def drift(case: Case) -> Cure:
    """A mask, and strength and guidance as they are usual."""
    calmer = _turned(case.recipe, STRONG, step=False)
    if calmer.settings.get("blend") == "":
        calmer = _set(calmer, blend="auto")
    masked = _masked(replace(case, recipe=calmer))
    return _said(f"Hold on to the photo outside the change by a mask{_and(case.recipe, masked)}.", masked)


def bleeding(case: Case) -> Cure:
    """A tighter mask."""
    recipe = case.recipe
    if recipe.grow > 0:
        return _said("The mask was grown too far: take it as it is.", replace(recipe, grow=0.0, feather=0.0))
    tighter = recipe if _given(recipe) else _turned(recipe, WIDE)
    if tighter != recipe:
        return _said(f"Tighten the mask: {_changes(recipe, tighter)}.", replace(tighter, feather=0.0))
    masked = _masked(case)
    if _same_mask(masked, recipe):
        return _knobs(recipe, STRONG, "The mask is as tight as the texts make it: hold on to more of the photo")
    calmer = _turned(masked, STRONG, step=False)
    return _said(f"Tighten the mask to where the texts differ{_and(recipe, calmer)}.", calmer)


def artefacts(case: Case) -> Cure:
    """Guidance and steps as they are usual."""
    return _knobs(case.recipe, HARSH, "Follow the words less hard, in enough steps")


def unfaithful(case: Case) -> Cure:
    """An inversion that gives the photo back, or more and finer steps."""
    recipe = case.recipe
    method = methods.get(recipe.method)
    best = next((knob.choices[0] for knob in knobs(method.settings) if knob.name == "inversion"), None)
    found = _turned(recipe, UNTRUE, step=False)
    if best is not None and recipe.settings.get("inversion") != best:
        usual = defaults(method.settings)
        idle = ("rounds", "iterations", "tolerance", "quantile", "threshold", "eta")
        found = _set(found, inversion=best, **{name: usual[name] for name in idle if name in usual})
    if found == recipe:
        found = _turned(recipe, UNTRUE)
    return _said(f"Trace the photo more truly: {_changes(recipe, found)}.", found)


def unclear(case: Case) -> Cure:
    """A description in place of an order, where one can be made of it."""
    recipe = case.recipe
    text = phrasing.described(recipe.source, recipe.target)
    start = f"such as {recipe.source!r} with one thing in it changed" if recipe.source else "every thing by its name"
    if text is None:
        return Cure(f"Say in --to what the edited photo shall show, not what is to be done: {start}.", None)
    return _said(f"Say what the photo shall show, not what is to be done: {text!r}.", replace(recipe, target=text))


def long(case: Case) -> Cure:
    """The text without its last clauses."""
    window, source = case.phrasing.window, case.recipe.source
    most = min(int(phrasing.LONG * window), max(window // 2, case.count(source) + 4))
    spelled = phrasing.respelled(case.recipe.target, case.phrasing.unknown, case.vocabulary) or case.recipe.target
    text = phrasing.shortened(spelled, source, lambda one: case.count(one) <= most)
    words = f"Shorten the text to {most} tokens or fewer; it has {case.phrasing.tokens}"
    return _said(f"{words}: {text!r}.", replace(case.recipe, target=text))


def undrawable(case: Case) -> Cure:
    """The word that was meant, where the model has one so spelled, else another model; of words that it knows what
    makes an edit weak back to its default, and else another method."""
    recipe, unknown = case.recipe, case.phrasing.unknown
    if not unknown:
        stronger = _turned(recipe, WEAK, step=False)
        if stronger != recipe:
            return _said(f"Let the words have more of it: {_changes(recipe, stronger)}.", stronger)
        other = _another(recipe)
        return _said(f"The method does not manage this edit here: try method {other.method}.", other)
    named = ", ".join(repr(word) for word in unknown)
    meant = phrasing.respelled(recipe.target, unknown, case.vocabulary)
    if meant is not None:
        return _said(f"This model does not know {named}: write {meant!r}.", replace(recipe, target=meant))
    words = f"name a thing that it knows, or get a model that does and give it as --model {OTHER_MODEL}"
    return Cure(f"This model does not know {named}: {words}.", None, ("inkover", "models", "get", OTHER_MODEL))


CURES: Mapping[str, Callable[[Case], Cure]] = {
    "unclear": unclear, "long": long, "undrawable": undrawable, "unfaithful": unfaithful, "drift": drift,
    "bleeding": bleeding, "artefacts": artefacts, "weak": weak,
}  # fmt: skip


def _said(text: str, recipe: Recipe) -> Cure:
    return Cure(text, recipe)


def _knobs(recipe: Recipe, leans: tuple[Lean, ...], text: str) -> Cure:
    found = _turned(recipe, leans)
    if found == recipe:
        found = _another(recipe)
        return _said(f"No knob of {recipe.method} is left to turn: try method {found.method}.", found)
    return _said(f"{text}: {_changes(recipe, found)}.", found)


def _given(recipe: Recipe) -> bool:
    return recipe.mask is not None or bool(recipe.where)


def _misses(case: Case) -> bool:
    """Tell whether most of the place lies where nothing at all changed: outside the mask."""
    return case.signs.missed is not None and case.signs.missed > 0.5


def _same_mask(one: Recipe, other: Recipe) -> bool:
    return (one.mask, one.where) == (other.mask, other.where)


def _masked(case: Case) -> Recipe:
    """Return the recipe inside a mask: the one that was given, else where the texts disagree about the photo."""
    recipe, method = case.recipe, methods.get(case.recipe.method)
    usual = {knob.name: knob.default for knob in knobs(method.settings) if knob.stage == "mask"}
    recipe = replace(_set(recipe, **usual), grow=0.0, feather=0.0)
    if case.mask is not None:
        return replace(recipe, mask=case.mask, where="", places=())
    texts = [_quoted(emphasis.parse(text).text) for text in (recipe.source, recipe.target) if text]
    place = f"differs({', '.join(texts)})" if recipe.source else f"noise({texts[0]})"
    return replace(recipe, mask=None, places=(), where=f"grow({place}, {max(1, round(case.side / 64))})")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _another(recipe: Recipe) -> Recipe:
    """Return the recipe by another method at its defaults: one that reads the photo's text, if there is one."""
    able = recipe.source and not recipe.windows  # windows would each see their own attention alone
    order = ("p2p", "diffedit") if able else ("diffedit", "ddpm-inversion")
    name = next(name for name in order if name != recipe.method)
    method = methods.get(name)
    kept = {name: recipe.settings[name] for name in ("steps", "negative") if name in recipe.settings}
    usual = defaults(method.settings)
    target = recipe.target if method.weighs else emphasis.parse(recipe.target).text
    return replace(
        recipe,
        method=name,
        target=target,
        settings=usual | kept,
        grow=recipe.grow if _given(recipe) else 0.0,
        feather=0.0,
    )


def _turned(recipe: Recipe, leans: tuple[Lean, ...], step: bool = True) -> Recipe:
    """Return the recipe with every knob that leans to the fault back at its default; with ``step``, where none leans,
    with the first one that can be turned a little out of it."""
    method = methods.get(recipe.method)
    known = {knob.name: knob for knob in knobs(method.settings)}
    masked = _given(recipe)
    able = [
        (known[name], way, factor) for name, way, factor in leans
        if name in known and known[name].kind in (int, float) and not (masked and known[name].stage == "mask")
    ]  # fmt: skip
    back = {knob.name: knob.default for knob, way, _ in able if _leans(knob, recipe.settings[knob.name], way)}
    if back:
        return _fitting(method, recipe, back)
    for knob, way, factor in able if step else ():
        value = _step(recipe.settings[knob.name], factor, knob.low, min(knob.high or 1e9, MOST.get(knob.name, 1e9)))
        value = knob.kind(value)
        if (value - recipe.settings[knob.name]) * way < 0:
            return _fitting(method, recipe, {knob.name: value})
    return recipe


def _leans(knob: Knob, value: float, way: int) -> bool:
    """Tell whether a knob is beyond its default the way that leads to the fault; fewer steps are usual, few are not."""
    usual = min(knob.default, ENOUGH) if knob.name == "steps" else knob.default
    return bool((value - usual) * way > 0)


def _step(value: float, factor: float, low: float | None, high: float) -> float:
    return round(min(max(value * factor, -1e9 if low is None else low), high), 2)


def _fitting(method: Method, recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with some knobs set: all of them, or where those do not fit together, as many as do."""
    together = _set(recipe, **values)
    if _fits(method, together):
        return together
    for name, value in values.items():
        alone = _set(recipe, **{name: value})
        recipe = alone if _fits(method, alone) else recipe
    return recipe


def _fits(method: Method, recipe: Recipe) -> bool:
    try:
        build(method, recipe.settings)
    except InkoverError:
        return False
    return True


def _set(recipe: Recipe, **settings: Any) -> Recipe:
    return replace(recipe, settings=dict(recipe.settings) | settings)


def _changes(before: Recipe, after: Recipe) -> str:
    changed = [
        f"{name} {before.settings[name]!r} -> {value!r}".replace("'", "")
        for name, value in after.settings.items() if before.settings.get(name) != value
    ]  # fmt: skip
    return ", ".join(changed) or "as it is"


def _and(before: Recipe, after: Recipe) -> str:
    said = _changes(before, after)
    return "" if said == "as it is" else f", and {said}"
