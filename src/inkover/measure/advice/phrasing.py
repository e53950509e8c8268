"""How a text reads to a model: its length, the words that are none to it, and whether it says what a photo shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

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

NEARLY = 0.75
"""How alike two words are spelled, from 0 to 1, where one may have been meant for the other."""


@dataclass(frozen=True, slots=True)
class Phrasing:
    """What can be said of the target text without a picture."""

    tokens: int
    window: int  # tokens that the model reads, its own edges left out
    unknown: tuple[str, ...]  # words that the tokenizer cuts into crumbs
    vague: tuple[str, ...]
    order: str  # the verb that it begins with; "" where it orders nothing
    telling: float  # share of its words that say something that could be seen and that the model knows


def read(target: Tokens) -> Phrasing:
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
    first = next((word for word in heard if word != "please"), "")
    return Phrasing(
        tokens=sum(1 for start, end in target.spans if end > start),
        window=len(target) - 2,
        unknown=unknown,
        vague=vague,
        order=first if first in ORDERS else "",
        telling=len(telling) / max(1, len(content)),
    )


def _crumbs(tokens: Tokens, start: int, end: int) -> bool:
    pieces = [
        index for index in at(tokens, (start, end)) if re.search(r"\w", tokens.prompt[slice(*tokens.spans[index])])
    ]
    letters = len(re.sub(r"\W", "", tokens.prompt[start:end]))
    return len(pieces) > 1 and letters / len(pieces) < PIECE


LONG = 0.75
"""The part of what a model reads that a text may fill before it is too long: a limit of the rules, and of the cure."""
_TURN = re.compile(
    r"(?:turn|change|convert|transform|make|replace|swap) (?P<was>.+?) (?:into|with|by|for|to(?= an? )) (?P<new>.+)"
)
_MAKE = re.compile(r"(?:make|paint|turn|set) (?:the |a |an )?(?P<was>.+) (?P<new>\S+)")
_ADD = re.compile(r"(?:add|put) (?P<new>.+)")
_ENDS = re.compile(r"[,.;]\s|\s(?:,|and|with|in|that|which|while)\s")


def described(source: str, order: str) -> str | None:
    """Turn an order into a description of the edited photo by the source's words; None where that cannot be done.

    ``turn the ball into a cube``, ``make the ball blue`` and ``add a mug`` are understood.
    """
    told = re.sub(r"^please\s+", "", " ".join(order.split()).strip(" .!").lower())
    if not source:
        return None
    if match := _TURN.fullmatch(told):
        return _replaced(source, _bare(match["was"]), _bare(match["new"]))
    if match := _MAKE.fullmatch(told):
        if match["new"] in VAGUE:
            return None
        return _recoloured(source, match["was"], match["new"])
    if match := _ADD.fullmatch(told):
        return f"{match['new']} and {source}"
    return None


def respelled(text: str, unknown: Sequence[str], vocabulary: Sequence[str]) -> str | None:
    """Put the nearest word that a model knows for each that it does not; None where one has none nearly so spelled."""
    for word in unknown:
        near = get_close_matches(word, vocabulary, n=1, cutoff=NEARLY)
        if not near:
            return None
        text = re.sub(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", near[0], text)
    return text


def _bare(words: str) -> str:
    return re.sub(r"^(?:the|a|an|it) ", "", words)


def _replaced(source: str, was: str, new: str) -> str | None:
    made, count = re.subn(
        rf"(?:\b(?:a|an) )?\b{re.escape(was)}\b", lambda match: _counted(match[0], new), source, count=1
    )
    return made if count and made != source else None


def _counted(matched: str, new: str) -> str:
    """Return the new words with an article where the old ones had one."""
    if not re.match(r"an? ", matched):
        return new
    return f"{'an' if new[0] in 'aeiou' else 'a'} {new}"


def _recoloured(source: str, thing: str, how: str) -> str | None:
    """Give a thing that the source names another quality: the word before it goes, unless it is a small one."""
    noun = thing.split()[-1]
    match = re.search(rf"(?P<own>\b\w+ )?\b{re.escape(noun)}\b", source)
    if match is None:
        return None
    own = (match["own"] or "").strip()
    phrase = f"{own} {noun}" if own and own not in SMALL else noun
    return _replaced(source, phrase, f"{how} {noun}")


def shortened(text: str, source: str, fits: Callable[[str], bool]) -> str:
    """Return a beginning of a text that fits: of those that end where a clause does the one nearest to the source,
    without a source the longest; where there is none, the longest that ends with a word.

    It says something that the source does not, so that there is a change in it.
    """
    clauses, words = (_beginnings(text, ends) for ends in (_ENDS, re.compile(r"\s")))
    able = [one for one in clauses if fits(one) and _says_more(one, source)]
    if able:
        return max(able, key=lambda one: (_likeness(one, source) if source else 0.0, len(one)))
    return next((one for one in reversed(words) if fits(one) and _says_more(one, source)), text)


def _beginnings(text: str, ends: re.Pattern[str]) -> list[str]:
    found = (text[: match.start()].strip(" ,.;") for match in ends.finditer(text))
    return [one for one in found if one]


def _says_more(text: str, source: str) -> bool:
    """Tell whether a beginning of a text is more than a beginning of the source, capitals and small words apart."""
    new, old = _content(text), _content(source)
    return new != old[: len(new)]


def _content(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in SMALL]


def _likeness(text: str, source: str) -> float:
    """Return how much of two texts are the same words in the same order, in [0, 1]."""
    one, other = (re.findall(r"\w+", words) for words in (text, source))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
