from dataclasses import replace

import numpy as np
import pytest

from inkover.tabletop.edits import EDITS, VISIBLE, case
from inkover.tabletop.scene import HELD_OUT

IN_WORDS = [kind for kind in EDITS if kind not in ("move", "resize", "rotate")]


@pytest.mark.parametrize("kind", list(EDITS))
def test_an_edit_changes_its_mask_and_nothing_else(kind: str) -> None:
    edit = case(kind, 3, 1)
    before, after, mask = edit.truth(64)
    apart = np.abs(before.astype(int) - after).max(-1)
    assert mask.any()
    assert (apart[~mask] <= VISIBLE).all()
    assert (apart[mask] > VISIBLE).any()


@pytest.mark.parametrize("kind", IN_WORDS)
def test_the_words_say_what_changes(kind: str) -> None:
    edit = case(kind, 0, 2)
    assert edit.source != edit.target
    if edit.attribute in ("colour", "finish", "kind", "surface", "background") and edit.wanted != "plain":
        said = {"wall": "a wall", "sky": "the sky"}.get(edit.wanted, edit.wanted)
        assert said in edit.target


@pytest.mark.parametrize(
    ("kind", "field"), [("recolour", "colour"), ("refinish", "finish"), ("replace", "kind"), ("resize", "size")]
)
def test_one_attribute_of_one_object_changes(kind: str, field: str) -> None:
    edit = case(kind, 1, 0)
    before, after = edit.before.things[0], edit.after.things[0]
    assert getattr(before, field) != getattr(after, field)
    assert replace(before, **{field: getattr(after, field)}) == after
    assert edit.before.things[1:] == edit.after.things[1:]
    assert replace(edit.before, things=()) == replace(edit.after, things=())


def test_add_is_remove_told_backwards() -> None:
    edit = case("add", 5, 5)
    assert len(edit.after.things) == len(edit.before.things) + 1
    assert edit.after.things[1:] == edit.before.things


@pytest.mark.parametrize("index", range(6))
def test_cases_come_back_the_same_and_keep_to_what_was_asked(index: int) -> None:
    assert case("recolour", 0, index) == case("recolour", 0, index)
    seen, unseen = case("recolour", 0, index), case("recolour", 0, index, unseen=True)
    assert not any((t.kind, t.colour) in HELD_OUT for t in (*seen.before.things, *seen.after.things))
    thing = unseen.after.things[0]
    assert (thing.kind, thing.colour) in HELD_OUT
    assert len(case("replace", 0, index, things=2).before.things) == 2
