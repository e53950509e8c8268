"""Masks that are asked of the network by themselves: where words are looked at, and where two texts disagree."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from torch import Tensor

from inkover.attention import words
from inkover.attention.blend import Looks, looking
from inkover.attention.maps import Seen, of_words
from inkover.errors import InkoverError
from inkover.masks.implicit import enlarged, smoothed
from inkover.masks.rules import otsu
from inkover.methods import maps, parts
from inkover.methods.contract import Task
from inkover.models.contract import Text


@dataclass(frozen=True, slots=True)
class Level:
    """At which level the network is asked: DiffEdit's own."""

    steps: int = 50
    strength: float = 1.0
    sampler: str = "ddim"
    spacing: str = parts.OWN
    mask_strength: float = 0.5


HALF = Level()
NOISES = 4
"""Looks differ less from noise to noise than what two texts say."""
LOOKS = "looks"


def looked_at(task: Task, sought: str) -> Tensor:  # (1, 1, h, w), 0 or 1
    """Return where words are looked at in the photo, on average over noises, above Otsu's value of that map.

    They are read in the photo's own text where that has them, and alone where not.
    """
    text, own = _read(task, sought)
    looks = looks_of(task, text)
    if not looks:
        raise InkoverError(
            f"this model has no attention to words, so words({sought}) is nowhere: use differs(OLD, NEW)"
        )
    found = smoothed(of_words(looks.maps[LOOKS], own))
    return enlarged(otsu()(found), parts.size(task.photo)).to(task.photo)


def looks_of(task: Task, text: Text) -> Looks:
    """Return what a text's words look at in the photo, in the row ``LOOKS``: summed over ``NOISES``, a forward each.

    Nothing is in it where the model has no attention to words.
    """
    at, looks = maps.level(task, HALF), Looks()
    with task.watch.stage("mask", NOISES):
        for k in range(NOISES):
            seen = list[Seen]()
            x = at.noised(task.photo, task.noise(LOOKS, k))
            task.model.predict(x, at, {LOOKS: text}, looking(seen, (LOOKS,)))
            looks = looks.added(seen)
            task.watch.step()
    return looks


def disagreed(task: Task, source: str, target: str) -> Tensor:  # (1, 1, h, w), 0 or 1
    """Return DiffEdit's mask: where two texts disagree about the photo."""
    texts = task.model.text(source), task.model.text(target)
    with task.watch.stage("mask", maps.NOISES):
        found = maps.averaged(task, maps.level(task, HALF), *texts, maps.noises(task, maps.NOISES))
    return maps.cut(found, maps.CLAMP, maps.THRESHOLD, maps.CLOSING).mask


def _read(task: Task, sought: str) -> tuple[Text, tuple[int, ...]]:
    """Return the text in which words are read, and their tokens there."""
    if task.source:
        text = task.model.text(task.source)
        with suppress(InkoverError):
            return text, words.find(text.tokens, sought)
    text = task.model.text(sought)
    return text, words.find(text.tokens, sought)
