"""What sets the settings of two runs apart, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 160
"""How many letters of a value are said."""

PLAIN = {"None": "none", "True": "yes", "False": "no"}


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield each setting of now that was another one then: NAME: was THEN, now NOW.

    A whole group that is on one side only, such as all knobs of a method, is named where nothing else differs: a list
    says already which methods came or went.
    """
    found = [one for name, value in now.items() for one in _between(name, then.get(name), value)]
    single = [text for text, group in found if not group]
    yield from single or (text for text, _ in found)


def _between(name: str, was: Any, now: Any) -> Iterator[tuple[str, bool]]:
    """Yield what differs, of two groups of settings by the settings in them, and whether it is a whole group."""
    if was == now:
        return
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*was, *now)):
            yield from _between(f"{name} {key}", was.get(key), now.get(key))
    else:
        one, other = map(_said, _apart(was, now))
        yield f"{name}: was {one}, now {other}", isinstance(was, Mapping) or isinstance(now, Mapping)


def _apart(was: Any, now: Any) -> tuple[Any, Any]:
    """Return of two lists what only one of them holds, where they do not only differ in their order."""
    if not (isinstance(was, list) and isinstance(now, list)):
        return was, now
    gone, come = [one for one in was if one not in now], [one for one in now if one not in was]
    return (gone, come) if gone or come else (was, now)


def _said(value: Any) -> str:
    if isinstance(value, list):
        text = ",".join(map(str, value)) or "nothing else"
    else:
        text = f"{len(value)} settings" if isinstance(value, Mapping) else PLAIN.get(str(value), str(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
