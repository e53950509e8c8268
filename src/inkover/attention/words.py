"""Words of a prompt and their tokens, by where both stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inkover.errors import InkoverError

Span = tuple[int, int]
"""Where in a prompt something stands: its first character, and the one after its last."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt as a tokenizer cuts it, padding included: as many as the text's hidden states."""

    prompt: str
    ids: tuple[int, ...]
    spans: tuple[Span, ...]  # (0, 0) where a token stands for no character; empty when the tokenizer cannot say

    def __len__(self) -> int:
        return len(self.ids)


def at(tokens: Tokens, span: Span) -> tuple[int, ...]:
    """Return the tokens that share a character with a span of the prompt."""
    start, end = span
    return tuple(index for index, (first, last) in enumerate(_spans(tokens)) if first < end and start < last)


def find(tokens: Tokens, phrase: str) -> tuple[int, ...]:
    """Return the tokens of a word or a phrase, wherever it stands in the prompt; letters' case does not matter.

    InkoverError when it does not stand there as whole words.
    """
    pattern = r"\s+".join(re.escape(word) for word in phrase.split())
    places = list(re.finditer(rf"(?<!\w){pattern}(?!\w)", tokens.prompt, re.IGNORECASE)) if pattern else []
    found = sorted({index for place in places for index in at(tokens, place.span())})
    if not found:
        raise InkoverError(f"{phrase!r} is not in the prompt {tokens.prompt!r}: {_known(tokens.prompt)}")
    return tuple(found)


def words(prompt: str) -> tuple[Span, ...]:
    """Return where the words of a prompt stand: what white space separates, punctuation included."""
    return tuple(match.span() for match in re.finditer(r"\S+", prompt))


def last(tokens: Tokens) -> int:
    """Return the last token that stands for characters; -1 where none does."""
    return max((index for index, (start, end) in enumerate(_spans(tokens)) if start < end), default=-1)


def _spans(tokens: Tokens) -> tuple[Span, ...]:
    if tokens.spans or not tokens.ids:
        return tokens.spans
    raise InkoverError(
        f"the tokenizer does not say which words of {tokens.prompt!r} its tokens are: write it in plain letters"
    )


def _known(prompt: str) -> str:
    known = dict.fromkeys(re.findall(r"\w+(?:['-]\w+)*", prompt))
    return f"its words are {', '.join(known)}" if known else "it has no words"
