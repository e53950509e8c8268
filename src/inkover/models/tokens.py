"""Where in a prompt its tokens stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from inkover.attention.words import Span, Tokens

if TYPE_CHECKING:
    from transformers import CLIPTokenizer, T5Tokenizer

    Tokenizer: TypeAlias = CLIPTokenizer | T5Tokenizer


def tokens_of(tokenizer: Tokenizer, prompt: str, ids: tuple[int, ...]) -> Tokens:
    """Return a prompt's tokens; ``ids`` is how the tokenizer reads it, padding included."""
    if tokenizer.is_fast:
        offsets = tokenizer(prompt, return_offsets_mapping=True, verbose=False).offset_mapping
        spans = [(start, end) for start, end in offsets]
    else:
        spans = decoded(tokenizer, prompt, ids)
    return Tokens(prompt, ids, tuple(spans + [(0, 0)] * (len(ids) - len(spans))) if spans else ())


def decoded(tokenizer: Tokenizer, prompt: str, ids: Sequence[int]) -> list[Span]:
    """Work the spans out by decoding ever more tokens and counting letters, for a tokenizer that tells no offsets.

    Empty when the tokenizer's reading has another number of letters than the prompt.
    """
    letters = [index for index, letter in enumerate(prompt) if not letter.isspace()]
    spans, content, done = list[Span](), list[int](), 0
    for token in ids:
        if token in tokenizer.all_special_ids:
            spans.append((0, 0))
            continue
        content.append(token)
        text = "".join(tokenizer.decode(content, clean_up_tokenization_spaces=False).split())
        whole = len(text.rstrip("\ufffd"))  # a letter of several tokens is not there before the last of them
        if max(whole, done + 1) > len(letters):
            return []
        spans.append((letters[done], letters[max(whole - 1, done)] + 1))
        done = whole
    return spans if done == len(letters) else []
