"""Looking on while a method works: what goes to the model and comes from it, and what the method tells its watch.

A method is a value, and all that it does goes through its task. So it is watched by handing it a task whose model,
watch and tracks write down what passes through them, and give back what they were given, to the bit. No method knows
of it, nothing is asked twice, and who does not look on runs none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from inkover.attention.blend import Looks, looking
from inkover.attention.control import Control, chain
from inkover.attention.maps import Seen
from inkover.attention.words import Tokens
from inkover.diffusion.level import At, Level, Prediction
from inkover.inversions.contract import Inversion, Subject
from inkover.methods.contract import STAGES, TRACK, Cut, Method, Task, Tensors, Tracks, Watch
from inkover.methods.parts import NULL
from inkover.models.around import Around
from inkover.models.contract import Text

MOST = 16
"""States of a walk that are kept at a time, evenly apart, however many there are."""
OWN = "source"
"""The row in which a method asks about the photo itself."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """A latent on its way, on the CPU, (1, c, h, w), and what the network took it for."""

    number: int  # of the level among those of the walk, from 1
    level: Level
    latent: Tensor
    clean: Tensor | None  # the network's own answer, before guidance; None where it was not asked
    text: str  # that the network was told
    own: bool  # it is the photo's row


@dataclass(slots=True)
class Walk:
    """The levels of a walk in the order in which they came, and a few of the states at them."""

    order: dict[Level, int] = field(default_factory=dict[Level, int])
    states: dict[Level, State] = field(default_factory=dict[Level, State])
    stride: int = 1

    def see(self, level: Level, own: bool, made: Callable[[int], State]) -> None:
        """Keep the first state at a level, if the level is one of those that are kept; the change's before the photo's.

        ``made`` is asked for the state only where it is kept.
        """
        if level not in self.order:
            self.order[level] = len(self.order) + 1
            if (len(self.order) - 1) % self.stride == 0:
                self.states[level] = made(self.order[level])
            if len(self.states) > MOST:
                self.states = {one: self.states[one] for one in list(self.states)[::2]}
                self.stride *= 2
        elif level in self.states and self.states[level].own and not own:
            self.states[level] = made(self.order[level])


@dataclass(frozen=True, slots=True)
class Looked:
    """What the words of one text looked at in one stage, summed over samples of the network: of row ``text``."""

    tokens: Tokens
    looks: Looks = Looks()
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Acted:
    """Where something acted: over how many steps, and in how many of them at each place, (1, 1, h, w)."""

    steps: int
    total: Tensor


@dataclass(slots=True)
class Onlooker:
    """What was seen of one edit."""

    listening: bool  # whether the network's attention to words is listened to
    stage: str = "edit"
    opened: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))
    walks: dict[str, Walk] = field(default_factory=lambda: {stage: Walk() for stage in STAGES})
    looked: dict[tuple[str, str], Looked] = field(default_factory=dict[tuple[str, str], Looked])  # by stage and text
    forwards: int = 0  # of the edit
    steered: int = 0  # of them, those in which the method listened to attention or steered it
    beside: int = 0  # of them, those that had a row for the photo beside the change's
    apart: bool = False  # the photo's row had a latent of its own in one of them
    texts: set[str] = field(default_factory=set[str])  # that were followed in the edit
    cuts: dict[int, Cut] = field(default_factory=dict[int, Cut])
    acts: dict[int, Acted] = field(default_factory=dict[int, Acted])
    inversion: Inversion | None = None
    recalled: bool = False  # the photo had been traced before
    task: Task | None = None  # the last one, as the method had it

    def heard(self, rows: Mapping[str, Text]) -> list[str]:
        """Return the rows whose words are listened to: those with words, not those that guidance leads away from."""
        if not self.listening:
            return []
        return [name for name, text in rows.items() if _led(name) and text.tokens.prompt and not _bent(text)]

    def asked(
        self, x: Tensor, at: At, rows: Mapping[str, Text], said: Prediction, seen: Sequence[Seen], steered: bool
    ) -> None:
        """Write down one forward."""
        if self.stage == "edit":
            self.forwards += 1
            self.steered += steered
            self.texts.update(text.tokens.prompt for name, text in rows.items() if _led(name))
            blocks = dict(zip(rows, x.chunk(len(rows)), strict=True))
            others = [block for name, block in blocks.items() if _led(name) and name != OWN]
            if OWN in blocks and others:
                self.beside += 1
                self.apart = self.apart or not torch.equal(blocks[OWN], others[-1])
        for text in dict.fromkeys(rows[name].tokens for name in self.heard(rows)):
            names = [name for name in self.heard(rows) if rows[name].tokens == text]
            before = self.looked.get((self.stage, text.prompt), Looked(text))
            looks = before.looks.added([_of(one, names) for one in seen])
            samples = before.samples + len(names) * (len(x) // len(rows))
            self.looked[self.stage, text.prompt] = Looked(text, looks, samples)
        if self.opened[self.stage] == 1 and self.stage != "mask":
            self._walked(x, at, rows, said)

    def _walked(self, x: Tensor, at: At, rows: Mapping[str, Text], said: Prediction) -> None:
        """Write down where the walk is: at one level, or at several that are asked about in one forward."""
        led = [name for name in rows if _led(name)]
        if not led:
            return
        name = next((one for one in reversed(led) if one != OWN), led[-1])
        start = list(rows).index(name) * (len(x) // len(rows))  # of the row's block of latents
        for one, level in enumerate([at] if isinstance(at, Level) else at, start):

            def made(number: int, level: Level = level, one: int = one) -> State:
                latent, clean = _kept(x[one : one + 1]), _kept(said.x0[one : one + 1])
                return State(number, level, latent, clean, rows[name].tokens.prompt, name == OWN)

            self.walks[self.stage].see(level, name == OWN, made)

    def traced(self, inversion: Inversion, found: Tensors, recalled: bool) -> None:
        """Write down a photo's track: its latents at every level, the noisiest first, and the photo itself."""
        if self.inversion is not None:
            return
        self.inversion, self.recalled, walk = inversion, recalled, self.walks["inversion"]
        levels = [Level(*row) for row in found["levels"].tolist()][:-1]
        latents = dict(zip(levels, found["latents"].chunk(len(found["latents"])), strict=False))

        for level in reversed(levels):  # those that the network was not asked about

            def made(number: int, level: Level = level) -> State:
                return State(number, level, _kept(latents[level]), None, "", own=True)

            walk.see(level, True, made)
        for level, state in walk.states.items():
            # where a walk upwards asks is not where it arrives
            walk.states[level] = replace(state, latent=_kept(latents.get(level, state.latent)))

    def acted(self, concept: int, mask: Tensor) -> None:
        """Write down where something acted in a step."""
        here = (mask > 0).float().detach().cpu()
        before = self.acts.get(concept, Acted(0, torch.zeros_like(here)))
        self.acts[concept] = Acted(before.steps + 1, before.total + here)

    def over(self, task: Task) -> Task:
        """Return a task whose model, watch and tracks are looked at."""
        self.task = task
        watch, tracks = _Watch(task.watch, self), _Tracks(task.tracks, self)
        return replace(task, model=_Model(task.model, self), watch=watch, tracks=tracks)


def watched(method: Method, onlooker: Onlooker) -> Method:
    """Return a method that does the same to the bit while an onlooker looks on."""

    def seen(run: Callable[[Task, Any], T]) -> Callable[[Task, Any], T]:
        return lambda task, knobs: run(onlooker.over(task), knobs)

    return replace(
        method,
        edit=seen(method.edit),
        find_mask=method.find_mask and seen(method.find_mask),
        find_masks=method.find_masks and seen(method.find_masks),
    )


@dataclass(frozen=True, slots=True)
class _Model(Around):
    """A model whose answers are looked at."""

    onlooker: Onlooker

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the network once, as it was asked."""
        seen, heard = list[Seen](), self.onlooker.heard(rows)
        said = self.model.predict(x, at, rows, chain(looking(seen, heard) if heard else None, control))
        self.onlooker.asked(x, at, rows, said, seen, control is not None)
        return said


@dataclass(frozen=True, slots=True)
class _Watch:
    """A watch that an onlooker hears too."""

    watch: Watch
    onlooker: Onlooker

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[None]:
        before, self.onlooker.stage = self.onlooker.stage, name
        self.onlooker.opened[name] += 1
        try:
            with self.watch.stage(name, steps):
                yield
        finally:
            self.onlooker.stage = before

    def step(self) -> None:
        self.watch.step()

    def acted(self, concept: int, mask: Tensor) -> None:
        self.onlooker.acted(concept, mask)
        self.watch.acted(concept, mask)

    def compared(self, concept: int, cut: Cut) -> None:
        self.onlooker.cuts[concept] = cut
        self.watch.compared(concept, cut)


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Tracks that an onlooker sees too."""

    tracks: Tracks
    onlooker: Onlooker

    def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> Tensors | None:
        found = self.tracks.recall(inversion, knobs, subject, part)
        if found is not None and part == TRACK:
            self.onlooker.traced(inversion, found, recalled=True)
        return found

    def keep(self, inversion: Inversion, knobs: Any, subject: Subject, found: Tensors, part: str = TRACK) -> None:
        if part == TRACK:
            self.onlooker.traced(inversion, found, recalled=False)
        self.tracks.keep(inversion, knobs, subject, found, part)


def _led(name: str) -> bool:
    """Tell whether guidance leads to a row, and not away from it."""
    return NULL not in name


def _bent(text: Text) -> bool:
    """Tell whether a text is being learned, so that what it looks at would hold on to the learning."""
    return text.hidden.requires_grad


def _of(seen: Seen, names: Sequence[str]) -> Seen:
    """Return what some rows looked at, summed over them and their latents, as one row."""
    return Seen(seen.site, {"text": torch.cat([seen.maps[name] for name in names]).sum(0, keepdim=True).detach()})


def _kept(latent: Tensor) -> Tensor:
    """Copy a latent out of the batch, which would stay in memory for it."""
    return latent.detach().cpu().clone()
