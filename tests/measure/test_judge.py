import pytest
import torch

from inkover.errors import InkoverError
from inkover.measure.figures.judge import judge, questions
from inkover.measure.runs import scenes
from inkover.tabletop.edits import case
from inkover.tabletop.probe import ATTRIBUTES, Probe


class Oracle(Probe):
    """A probe that always says the same."""

    def __init__(self, **said: str) -> None:
        super().__init__()
        self.said = said

    def forward(self, near: torch.Tensor, far: torch.Tensor) -> dict[str, torch.Tensor]:
        hot = {k: torch.tensor([float(w == self.said.get(k)) for w in words]) for k, words in ATTRIBUTES.items()}
        return {k: v.expand(len(near), -1) for k, v in hot.items()}


def test_success_needs_the_wanted_the_rest_and_nearness() -> None:
    edit = case("recolour", 0, 0, things=1)
    before, true, _ = edit.truth(64)
    scene = edit.after
    right = {"colour": edit.wanted, "surface": scene.surface, "background": scene.background}
    assert judge(Oracle(**right), edit, before, true, true).success
    assert not judge(Oracle(**right), edit, before, true, before).nearer
    other = next(c for c in ATTRIBUTES["colour"] if c != edit.wanted)
    assert not judge(Oracle(**right | {"colour": other}), edit, before, true, true).wanted
    under = next(s for s in ATTRIBUTES["surface"] if s != scene.surface)
    assert not judge(Oracle(**right | {"surface": under}), edit, before, true, true).rest


def test_a_removed_object_is_looked_for_where_it_was() -> None:
    edit = case("remove", 0, 0, things=2)
    asked = questions(edit, 64)
    assert asked[0].answers == {"kind": "nothing"}
    assert len(asked) == 1 + len(edit.after.things) + 1
    assert asked[-1].box == (0, 0, 64, 64)


def test_other_objects_are_asked_about_once_each() -> None:
    edit = case("replace", 0, 0, things=3)
    asked = questions(edit, 64)
    assert [q.answers.get("kind") for q in asked[1:-1]] == [t.kind for t in edit.after.things[1:]]


def test_words_cannot_ask_for_a_move() -> None:
    scenes.check(["recolour"])
    with pytest.raises(InkoverError, match="cannot be asked for in words"):
        scenes.check(["move"])
    with pytest.raises(InkoverError, match="recolour"):
        scenes.check(["recolor"])
