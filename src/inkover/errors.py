"""What can go wrong that the user can mend."""


class InkoverError(Exception):
    """A problem the user can mend: its one-line message says what came, what was expected and what to type instead."""


def nearest(word: str, known: "list[str] | tuple[str, ...]") -> str:
    """Return a hint such as ``did you mean 'ddim'? known: ddim, sdedit``, for an unknown word."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"
