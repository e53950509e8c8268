"""What went wrong with an edit, from its measures alone: one table of rules with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from inkover.measure.advice.phrasing import LONG

Side = Literal["above", "below"]
Measures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Limit:
    """One measure and the value at which it begins to tell of a fault."""

    measure: str
    side: Side
    value: float
    span: float  # so far beyond the value there is no doubt

    def crossed(self, measures: Measures) -> float | None:
        """Return how far beyond the limit a measure is, in [0, 1] of its span; None where it is not beyond it."""
        value = measures.get(self.measure)
        if value is None:
            return None
        beyond = value - self.value if self.side == "above" else self.value - value
        return min(beyond / self.span, 1.0) if beyond > 0 else None


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault, the sets of limits that each tell of it when all of the set are crossed, and why they do."""

    fault: str
    says: str  # in plain words, to the person who made the edit
    signs: tuple[tuple[Limit, ...], ...]
    why: str
    aim: Mapping[str, Side]  # by measure, where it is to go: the first that was crossed, else the first
    hides: tuple[str, ...] = ()  # faults that follow from this one, and are not told beside it


@dataclass(frozen=True, slots=True)
class Found:
    """A fault that was found."""

    rule: Rule
    confidence: float  # 0.5 just beyond its limits, 1 where there is no doubt
    because: tuple[Limit, ...]

    @property
    def aim(self) -> tuple[str, Side]:
        """Return the measure that a cure is to change, and whether it is to be above or below what it is."""
        crossed = [limit.measure for limit in self.because]
        name = next((name for name in self.rule.aim if name in crossed), next(iter(self.rule.aim)))
        return name, self.rule.aim[name]


PICTURE = ("unfaithful", "drift", "bleeding", "artefacts", "weak", "undrawable")
OUTSIDE = ("drift", "bleeding", "artefacts", "weak", "undrawable")
LOOSE = Limit("spilled", "above", 0.1, 0.15)
"""Of a good edit in a mask at most a few per cent of what is clear of its place change visibly: the autoencoder."""
EVERYWHERE = Limit("spilled", "above", 0.25, 0.3)
"""A method without a mask redraws the whole photo, and more of it changes visibly in good edits too."""
CHANGED = Limit("covered", "above", 0.35, 0.3)
BOUND, FREE = Limit("bounded", "above", 0.5, 0.5), Limit("bounded", "below", 0.5, 0.5)
UNTRUE = Limit("lost", "above", 6.0, 4.0)

RULES: tuple[Rule, ...] = (
    Rule(
        "unclear",
        "The text does not say what the edited photo shall show.",
        ((Limit("orders", "above", 0.5, 0.5),), (Limit("telling", "below", 0.55, 0.3),)),
        "A model reads descriptions of pictures: an order, or words that nothing can be seen of, say nothing to it.",
        {"clip_turned_near": "above", "turned": "above"},
        ("long", *PICTURE),
    ),
    Rule(
        "undrawable",
        "The model does not know what it is asked to draw.",
        ((Limit("unknown", "above", 0.5, 0.5),),),
        "A word that the tokenizer cuts into crumbs of a letter or two stood in no caption that the model learnt from.",
        {"unknown": "below"},
        PICTURE,
    ),
    Rule(
        "long",
        "The text is too long: what shall change is lost in it.",
        ((Limit("fullness", "above", LONG, 0.2),),),
        "The more a text says, the less each of its words has of the model's attention; near the end of what a model "
        "reads there is little that was ever trained.",
        {"clip_turned_near": "above", "turned": "above"},
        PICTURE,
    ),
    Rule(
        "unfaithful",
        "The photo does not come back from the model: its inversion loses it.",
        ((LOOSE, UNTRUE),),
        "Where the way into the model and back is far below the autoencoder alone, what was to stay cannot stay.",
        {"spilled": "below"},
        OUTSIDE,
    ),
    Rule(
        "drift",
        "What was to stay changed too, nearly all over the photo.",
        ((EVERYWHERE, FREE),),
        "No mask holds the change, and it is everywhere.",
        {"spilled": "below"},
        ("artefacts", "weak", "undrawable"),
    ),
    Rule(
        "artefacts",
        "There are artefacts: harsh colours, blown-out or smeared parts.",
        (
            (CHANGED, Limit("strange", "above", 2.0, 0.8)),
            (CHANGED, Limit("clipped", "above", 0.31, 0.2)),
            (CHANGED, Limit("harsh", "above", 0.09, 0.15)),
            (CHANGED, Limit("strange", "above", 1.2, 0.8), Limit("clipped", "above", 0.15, 0.2)),
        ),
        "The model foresees its own edit much worse than the photo, or colours ran into the ends of the scale.",
        {"strange": "below", "clipped": "below", "harsh": "below"},
        ("weak", "undrawable"),
    ),
    Rule(
        "bleeding",
        "The change bleeds out of its place.",
        ((LOOSE, BOUND),),
        "There is a mask, and it lets a change out of the place where the texts say that it is.",
        {"spilled": "below"},
        ("weak", "undrawable"),
    ),
    Rule(
        "weak",
        "The edit is weak: hardly anything of it is to be seen.",
        (
            (Limit("covered", "below", 0.35, 0.25),),
            (Limit("turned", "below", 0.25, 0.25),),
            (Limit("turned", "below", 0.5, 0.4), Limit("clip_turned_near", "below", 0.25, 0.2)),
        ),
        "Little of its place changed visibly, or the model, or it and CLIP, do not take it for what the text says.",
        {"covered": "above", "turned": "above"},
        ("undrawable",),
    ),
    Rule(
        "undrawable",
        "The model changed the place, and did not draw what the text says.",
        (
            (CHANGED, Limit("turned", "below", 0.64, 0.3), Limit("clip_turned_near", "below", 0.25, 0.2)),
            (CHANGED, Limit("clip_turned_near", "below", 0.0, 0.2)),
        ),
        "The place is another than it was, and neither the model nor CLIP finds in it what was asked for.",
        {"turned": "above", "clip_turned_near": "above"},
    ),
)
"""In the order in which they are told: what is to be mended first comes first."""


def found(measures: Measures) -> tuple[Found, ...]:
    """Return the faults that the measures tell of, what is to be mended first before the others."""
    faults, hidden = list[Found](), set[str]()
    for rule in RULES:
        one = told(rule, measures)
        if one is None or rule.fault in hidden or rule.fault in [other.rule.fault for other in faults]:
            continue
        faults.append(one)
        hidden |= set(rule.hides)
    return tuple(faults)


def told(rule: Rule, measures: Measures) -> Found | None:
    """Return a rule's fault by that set of its limits that is crossed furthest; None where none is."""
    best: Found | None = None
    for limits in rule.signs:
        beyond = [limit.crossed(measures) for limit in limits]
        least = min((one for one in beyond if one is not None), default=0.0) if None not in beyond else None
        if least is not None and (best is None or 0.5 + least / 2 > best.confidence):
            best = Found(rule, round(0.5 + least / 2, 2), limits)
    return best
