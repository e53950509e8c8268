"""The light clean-up that ``--cleanup color,sharpen=0.3,denoise=0.2`` asks for."""

from __future__ import annotations

from dataclasses import dataclass

from inkover.errors import InkoverError, nearest

KNOWN = ("color", "sharpen", "denoise")
USUAL = {"sharpen": 0.3, "denoise": 0.2}


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What is done to the changed part: colour matched at the seam, sharpened, denoised (amounts in [0, 1])."""

    color: bool = False
    sharpen: float = 0.0
    denoise: float = 0.0

    def __post_init__(self) -> None:
        for name in USUAL:
            amount = getattr(self, name)
            if not 0.0 <= amount <= 1.0:
                raise InkoverError(f"cleanup {name} is {amount}, expected 0 to 1: {name}={USUAL[name]}")


def parsed(text: str) -> Cleanup:
    """Read the words of ``--cleanup``: names with commas between them, ``sharpen`` and ``denoise`` with an amount."""
    chosen: dict[str, float | bool] = {}
    for word in text.split(","):
        name, equals, amount = (piece.strip() for piece in word.partition("="))
        if name not in KNOWN:
            raise InkoverError(f"--cleanup has no {name!r}: {nearest(name, KNOWN)}")
        if name in chosen:
            raise InkoverError(f"--cleanup names {name} twice: once is enough")
        chosen[name] = _amount(name, amount, bool(equals))
    return Cleanup(**chosen)  # type: ignore[arg-type]  # the values are of their names' types, built above


def _amount(name: str, amount: str, given: bool) -> float | bool:
    """Return how much of one clean-up is wanted."""
    if name == "color":
        if given:
            raise InkoverError(f"--cleanup color takes no amount, got color={amount}: write color")
        return True
    if not given:
        return USUAL[name]
    try:
        wanted = float(amount)
    except ValueError as error:
        raise InkoverError(f"--cleanup {name}={amount} is no number: write {name}={USUAL[name]}") from error
    if wanted == 0:
        raise InkoverError(f"--cleanup {name}={amount} does nothing: leave it out, or write {name}={USUAL[name]}")
    return wanted
