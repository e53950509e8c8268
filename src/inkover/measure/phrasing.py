"""How a text reads to a model: its length, the words that are none to it, and whether it says what a photo shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inkover.attention.words import Tokens, at, words
from inkover.methods.wording import SMALL

ORDERS = frozenset(
    "make turn change replace remove add improve fix enhance edit convert transform put give let please paint draw "
    "delete erase swap set adjust do try".split()
)
"""Words that begin an order; what a model reads are descriptions."""
VAGUE = frozenset(
    "nicer nice better best good great beautiful pretty prettier cool cooler awesome amazing interesting different "
    "improved improve something somehow other another more less it this that bit little please thing stuff fix "
    "perfect professional quality enhance enhanced".split()
)
"""Words that say nothing that could be seen."""
PIECE = 3.0
"""Letters: a word cut into shorter pieces than this on average is none that the tokenizer knows."""


@dataclass(frozen=True, slots=True)
class Phrasing:
    """What can be said of the target text without a picture."""

    tokens: int
    window: int  # tokens that the model reads, its own edges left out
    unknown: tuple[str, ...]  # words that the tokenizer cuts into crumbs
    vague: tuple[str, ...]
    order: str  # the verb that it begins with; "" where it orders nothing
    said: float  # share of its words that say something that could be seen and that the model knows
    kept: float  # share of the source's words that are in it; 1 where there is no source


def read(target: Tokens, source: str) -> Phrasing:
    """Look at a target's tokens, as the model cuts it."""
    spans = words(target.prompt)
    heard = [target.prompt[start:end].strip(",.;:!?\"'").lower() for start, end in spans]
    unknown = tuple(
        word for word, (start, end) in zip(heard, spans, strict=True)
        if len(at(target, (start, end))) > 1 and _crumbs(target, start, end)
    )  # fmt: skip
    vague = tuple(word for word in heard if word in VAGUE)
    content = [word for word in heard if word and word not in SMALL]
    telling = [word for word in content if word not in VAGUE and word not in ORDERS and word not in unknown]
    was = {word.strip(",.;:!?").lower() for word in source.split()} - SMALL
    first = next((word for word in heard if word != "please"), "")
    return Phrasing(
        tokens=sum(1 for start, end in target.spans if end > start),
        window=len(target) - 2,
        unknown=unknown,
        vague=vague,
        order=first if first in ORDERS else "",
        said=len(telling) / max(1, len(content)),
        kept=len(was & set(heard)) / len(was) if was else 1.0,
    )


def _crumbs(tokens: Tokens, start: int, end: int) -> bool:
    pieces = [index for index in at(tokens, (start, end)) if re.search(r"\w", tokens.prompt[slice(*tokens.spans[index])])]
    letters = len(re.sub(r"\W", "", tokens.prompt[start:end]))
    return len(pieces) > 1 and letters / len(pieces) < PIECE
