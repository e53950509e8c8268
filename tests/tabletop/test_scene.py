import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.tabletop.captions import WORDS, caption, vary
from inkover.tabletop.scene import COLOURS, HELD_OUT, TABLE, draw, render
from inkover.tabletop.shapes import KINDS

SEEDS = st.integers(0, 10**6)


@settings(max_examples=5, deadline=None)
@given(SEEDS, st.integers(16, 48), st.integers(16, 48))
def test_a_scene_gives_the_same_pixels_at_any_size(seed: int, height: int, width: int) -> None:
    one, other = render(draw(seed), height, width), render(draw(seed), height, width)
    assert one.pixels.shape == (height, width, 3)
    assert one.index.shape == one.depth.shape == (height, width)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.index, other.index)


def test_a_window_shows_that_part_of_the_photo() -> None:
    scene = draw(11)
    whole = render(scene, 96).pixels[24:72, 40:88].astype(int)
    part = render(scene, 48, window=(0.25, 40 / 96, 0.75, 88 / 96)).pixels
    assert np.abs(whole - part).mean() < 1.0


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_every_object_stands_on_the_table_and_is_seen(seed: int) -> None:
    scene = draw(seed)
    view = render(scene, 64, samples=1)
    assert (view.index == TABLE).any()
    for k in range(len(scene.things)):
        assert view.mask(k).sum() > 8
    assert (view.depth[view.index >= TABLE] < 60).all()
    assert view.edges().any()


def test_training_never_sees_a_held_out_pair_and_the_test_always_does() -> None:
    assert len(HELD_OUT) == 10
    assert {kind for kind, _ in HELD_OUT} == set(KINDS)
    assert {colour for _, colour in HELD_OUT} == set(COLOURS)
    for seed in range(300):
        assert not any((t.kind, t.colour) in HELD_OUT for t in draw(seed).things)
        first = draw(seed, held_out=True).things[0]
        assert (first.kind, first.colour) in HELD_OUT


def test_objects_of_one_scene_differ_in_kind_and_colour() -> None:
    for seed in range(200):
        things = draw(seed, 3).things
        assert len({t.kind for t in things}) == len({t.colour for t in things}) == 3


@pytest.mark.parametrize("seed", range(40))
def test_captions_are_true_in_all_their_ways(seed: int) -> None:
    scene = draw(seed)
    full = caption(scene)
    assert all(t.kind in full and t.colour in full for t in scene.things)
    absent = set(KINDS) - {t.kind for t in scene.things} | set(COLOURS) - {t.colour for t in scene.things}
    told = {vary(scene, np.random.default_rng(i)) for i in range(20)}
    assert len(told) > 3
    for text in told | {full}:
        words = text.replace(",", " ,").split()
        assert set(words) <= set(WORDS)
        assert not absent & set(words)
