import numpy as np
import pytest
import torch

from inkover.attention.call import Site
from inkover.attention.maps import Seen
from inkover.tabletop.captions import name, told, vary
from inkover.tabletop.scene import draw
from inkover.tabletop.training import clip, gaze, words


@pytest.mark.parametrize("seed", range(30))
def test_captions_know_where_they_name_an_object(seed: int) -> None:
    scene = draw(seed)
    text, spans = told(scene, np.random.default_rng(seed))
    assert text == vary(scene, np.random.default_rng(seed))
    for k, (start, end) in spans.items():
        thing = scene.things[k]
        ways = [name(thing, finish, colour) for finish in (True, False) for colour in (True, False)]
        assert text[start:end] in ways
    ends = sorted(spans.values())
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))


def _wanted() -> tuple[torch.Tensor, list[int]]:
    """Return the targets of one text with two objects, and the tokens of the first's words."""
    read = clip.read(words.tokenizer(), ["a spotted red ball and a mug on grass"])
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :, :4] = True
    masks[0, 1, :, 6:] = True
    wanted = gaze.targets(read.spans, [{0: (0, 18), 1: (23, 28)}], masks)
    return wanted, [2, 3, 4]


def test_each_word_of_an_object_is_wanted_in_its_pixels_and_others_nowhere() -> None:
    wanted, first = _wanted()
    named = [int(k) for k in wanted.sum((0, 2, 3)).nonzero()]
    assert named == [*first, 7]  # 0 begins the text, 1 and 6 are articles
    assert wanted[0, 3, :, :4].all() and not wanted[0, 3, :, 4:].any()
    assert wanted[0, 7, :, 6:].all() and not wanted[0, 7, :, :6].any()


def _seen(maps: torch.Tensor) -> list[Seen]:
    return [Seen(Site("x", "cross", (4, 4), 0.0), {gaze.ROW: maps})]


def test_looking_where_the_object_is_costs_nothing_and_looking_past_it_all() -> None:
    wanted, _ = _wanted()
    right = torch.nn.functional.adaptive_avg_pool2d(wanted, (4, 4))
    assert gaze.apart(_seen(right), wanted).item() == pytest.approx(0, abs=1e-6)
    assert gaze.apart(_seen(1 - right), wanted).item() == pytest.approx(1, abs=1e-6)
    evenly = gaze.apart(_seen(torch.ones_like(right)), wanted).item()
    assert evenly == pytest.approx((3 * 0.5**2 + 0.75**2) / 4)


def test_a_text_without_objects_costs_nothing() -> None:
    wanted = torch.zeros(1, 5, 8, 8)
    assert gaze.apart(_seen(torch.rand(1, 5, 4, 4)), wanted).item() == 0
