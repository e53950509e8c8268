"""The photo's way into noise and back, as it was walked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inkover.app import flow
from inkover.app.onlooker import Onlooker, State, Walk
from inkover.diffusion.straight import share
from inkover.inversions.contract import Retrace
from inkover.measure.explain.contents import Block, Figure, Picture, Section, Shown
from inkover.measure.explain.pictures import SMALL, decoded, view

if TYPE_CHECKING:
    from inkover.app.flow import Wish
    from inkover.app.meter import Counted
    from inkover.app.result import Result

COLUMNS = 5
TITLE = "Into noise and back"
ABOUT = (
    "The network behind this has learned one thing: to look at a picture under noise, read some words, and say what "
    "is under the noise. Where there is much noise, it decides the layout; where there is little, the detail. An edit "
    "asks it again and again, with other words.",
    "The photo is worked on as a small, coded copy, which is turned into a picture only to be shown here. Noise says "
    "how much of that copy is noise: 0% is the photo, 100% is noise alone.",
)
GUESS = "its own guess of the clean picture, before its answers were strengthened or mixed"
INWARD = f"Above: the copy at that level. Below: what the network saw in it when it was asked, {GUESS}."
OUTWARD = f"Above: what the network was given. Below: what it took that for, {GUESS}. Early guesses are vague."


def section(model: Counted, wish: Wish, onlooker: Onlooker, result: Result) -> tuple[Section, int]:
    """Return the section, and how many latents were decoded for it."""
    if result.drawn is None:
        return Section(TITLE, (*ABOUT, "Nothing was walked: the mask is empty."), ()), 0
    photo = view(result.original, result.drawn.canvas, SMALL)
    there, back = (chosen(onlooker.walks[stage]) for stage in ("inversion", "edit"))
    there = sorted(there, key=lambda state: share(state.level))
    ahead = _first(photo, "the photo", "What the network is shown of it.")
    after = _first(decoded(result.drawn.after, SMALL), "what came of it", "The coded copy after the last step.")
    inward = Block(
        "Into noise", _into(wish, onlooker), (ahead, *_figures(model, there, onlooker, "inversion")), "small"
    )
    outward = Block("Back", _back(onlooker), (*_figures(model, back, onlooker, "edit"), after), "small")
    blocks = (inward if there else Block("Into noise", inward.says), outward if back else Block("Back", outward.says))
    return Section(TITLE, ABOUT, blocks), sum(1 + (state.clean is not None) for state in (*there, *back))


def chosen(walk: Walk) -> list[State]:
    """Return the few states that are shown, evenly apart, the first and the last that were kept among them."""
    kept = list(walk.states.values())
    if len(kept) <= COLUMNS:
        return kept
    return [kept[round(k * (len(kept) - 1) / (COLUMNS - 1))] for k in range(COLUMNS)]


def _first(picture: Picture, title: str, says: str) -> Figure:
    return Figure((Shown(picture, title),), title, (says,))


def _figures(model: Counted, states: Sequence[State], onlooker: Onlooker, stage: str) -> Iterator[Figure]:
    order = list(onlooker.walks[stage].order)
    ranked = sorted(order, key=share) if stage == "inversion" else order
    for state in states:
        title = f"level {ranked.index(state.level) + 1} of {len(ranked)}, noise {share(state.level):.0%}"
        yield Figure(tuple(_pictures(model, state, title)), title, _told(state))


def _pictures(model: Counted, state: State, title: str) -> Iterator[Shown]:
    for latent, what in ((state.latent, "the noisy picture"), (state.clean, "the network's guess of what is under it")):
        if latent is not None:
            picture = flow.pixels(model, latent.to(model.text("").hidden.device))
            yield Shown(decoded(picture, SMALL), f"{what} at {title}")


def _told(state: State) -> tuple[str, ...]:
    if state.clean is None:
        return ()
    return (f"told \u201c{state.text}\u201d" if state.text else "told no words",)


def _into(wish: Wish, onlooker: Onlooker) -> tuple[str, ...]:
    """Say how the photo came to its noise, as it was seen."""
    inversion = onlooker.inversion
    if inversion is None:
        drawn = "edit" in wish.method.draws and onlooker.forwards
        where = "The noise is drawn by chance, from the seed, and laid over the photo." if drawn else ""
        return ("This method made no way into noise that belongs to this photo.", *([where] if where else []))
    how = (
        "The photo is led step by step into noise of its own: noise from which the same steps lead back to it."
        if isinstance(inversion.use, Retrace)
        else "The photo is laid under fresh noise at every level, drawn from the seed. Then it is worked out which "
        "noise each step needs to come out at the photo again, and that is used on the way back."
    )
    named = f"This is done by the inversion {inversion.name}. {inversion.summary}"
    if onlooker.recalled:
        return (how, named, "It was done before and kept: these levels were not traced now.")
    return (how, named, *_rounds(onlooker, "inversion"), INWARD)


def _back(onlooker: Onlooker) -> tuple[str, ...]:
    """Say what was done on the way back, as it was seen."""
    if not onlooker.forwards:
        return ("No step was walked: the network was not asked in the edit.",)
    told = [f"The network was asked {onlooker.forwards} times on the way back."]
    if onlooker.beside:
        told.append(
            f"In {onlooker.beside} of them it was asked about the photo itself too, beside the change."
            if onlooker.apart
            else f"In {onlooker.beside} of them it was asked with the text for the photo too, about the same copy."
        )
    if onlooker.steered:
        told.append(
            f"In {onlooker.steered} of them the method reached into the network's attention: it looked at, or changed, "
            "which places look at which words or at which other places."
        )
    if len(onlooker.texts) > 1:
        told.append(f"It was told {len(onlooker.texts)} texts in all; each guess below is for the one that is named.")
    return (" ".join(told), *_rounds(onlooker, "edit"), OUTWARD)


def _rounds(onlooker: Onlooker, stage: str) -> tuple[str, ...]:
    """Say so where there was more than is shown."""
    count = onlooker.opened[stage]
    return (f"There were {count} rounds of this, one after the other; the first is shown.",) if count > 1 else ()
