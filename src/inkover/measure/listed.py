"""Lists as they are typed: words with commas between them."""

from __future__ import annotations

from collections.abc import Sequence

from inkover.errors import InkoverError


def split(option: str, given: Sequence[str], such: str) -> list[str]:
    """Return the words in their order, each once; InkoverError, with ``such`` for an example, where none is named."""
    found = list(dict.fromkeys(word.strip() for one in given for word in one.split(",") if word.strip()))
    if given and not found:
        raise InkoverError(f"{option} names none: write {option} {such}, or leave it out")
    return found
