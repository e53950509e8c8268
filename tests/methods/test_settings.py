from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytic import quick
from inkover import methods
from inkover.errors import InkoverError
from inkover.methods import parts
from inkover.methods.contract import Method, knob
from inkover.methods.settings import build, check, knobs, parse

every = pytest.mark.parametrize("name", methods.names())
guided = [name for name in methods.names() if "rescale" in {knob.name for knob in knobs(methods.get(name).settings)}]
led = pytest.mark.parametrize("name", guided)


@dataclass(frozen=True, slots=True)
class Toy:
    count: int = knob(3, "how many", low=1, high=9)
    part: float = knob(0.5, "how much", low=0, high=1)
    loud: bool = knob(False, "whether")
    colour: str = knob("red", "which", choices=("red", "blue"))
    word: str = knob("", "any text")
    area_min: float = knob(0.0, "least", low=0, high=1, stage="mask")

    def __post_init__(self) -> None:
        check(self)


TOY = Method("toy", "Toys.", "-", Toy, lambda task, knobs: task.photo, lambda knobs: {})


@every
def test_the_defaults_stand_when_nothing_is_given(name: str) -> None:
    method = methods.get(name)
    settings = build(method, {})
    assert settings == method.settings() and isinstance(settings, method.settings)
    assert [k.name for k in knobs(method.settings)] == [f.name for f in fields(method.settings)]


@quick
@given(
    count=st.integers(1, 9),
    part=st.floats(0, 1),
    loud=st.booleans(),
    colour=st.sampled_from(["red", "blue"]),
    word=st.text().filter(lambda text: text == text.strip()),
)
def test_what_is_written_is_what_is_read(count: int, part: float, loud: bool, colour: str, word: str) -> None:
    texts = [f"count={count}", f"part={part!r}", f"loud={loud}", f" colour = {colour} ", f"word={word}"]
    assert build(TOY, parse(TOY, texts)) == Toy(count, part, loud, colour, word)


def test_a_dash_is_an_underscore_and_a_text_may_hold_an_equals_sign() -> None:
    assert parse(TOY, ["area-min=0.5", "word=a=b"]) == {"area_min": 0.5, "word": "a=b"}
    assert build(TOY, {"area-min": 1}).area_min == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("count", "'count' has no value: write NAME=VALUE, such as count=3"),
        ("cuont=3", "method 'toy' has no setting 'cuont': did you mean 'count'"),
        ("count=many", "count=many is not a whole number: give a whole number from 1 up to 9"),
        ("count=2.5", "not a whole number"),
        ("part=half", "part=half is not a number: give a number from 0 up to 1"),
        ("loud=maybe", "loud=maybe is not true or false"),
    ],
)
def test_a_text_that_does_not_parse_is_refused(text: str, message: str) -> None:
    with pytest.raises(InkoverError, match=message):
        parse(TOY, [text])


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(InkoverError, match="area_min is set twice"):
        parse(TOY, ["area-min=1", "area_min=0"])


@pytest.mark.parametrize(
    "given_, message",
    [
        ({"count": 0}, "count 0 is out of range: give a whole number from 1 up to 9"),
        ({"count": 10}, "out of range"),
        ({"count": 10**400}, "out of range"),
        ({"part": 10**400}, "out of range"),
        ({"part": math.nan}, "part nan is out of range"),
        ({"part": math.inf}, "out of range"),
        ({"part": -0.001}, "part -0.001 is out of range"),
        ({"count": 2.0}, "count is 2.0, not a whole number"),
        ({"count": True}, "count is True, not a whole number"),
        ({"part": "0.5"}, "part is '0.5', not a number"),
        ({"loud": 1}, "loud is 1, not true or false"),
        ({"word": None}, "word is None, not a text"),
        ({"colour": "bleu"}, "no colour 'bleu': did you mean 'blue'"),
        ({"coulour": "blue"}, "did you mean 'colour'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InkoverError, match=message):
        build(TOY, given_)


@every
def test_a_whole_number_beyond_all_others_is_out_of_range(name: str) -> None:
    method = methods.get(name)
    for one in knobs(method.settings):
        if one.kind in (int, float):
            with pytest.raises(InkoverError, match=one.name):  # out of range, or of another inversion
                build(method, {one.name: 10**400})


@every
def test_steps_strength_guidance_and_sampler_out_of_range_are_refused(name: str) -> None:
    bad = {"steps": 0, "strength": 1.01, "guidance": -0.5, "sampler": "ddmi"}
    for key, value in bad.items():
        with pytest.raises(InkoverError, match=key):
            build(methods.get(name), {key: value})


def test_a_negative_prompt_cannot_be_weighed() -> None:
    with pytest.raises(InkoverError, match="cannot be weighed"):
        build(methods.get("sdedit"), {"negative": "a (mug:1.5)"})


@led
def test_a_negative_prompt_that_would_change_nothing_is_refused(name: str) -> None:
    with pytest.raises(InkoverError, match="negative 'mug' has no effect at guidance 1"):
        build(methods.get(name), {"negative": "mug", "guidance": 1})
    build(methods.get(name), {"negative": "mug", "guidance": 1.5})


def test_a_setting_of_the_automatic_mask_is_refused_beside_a_given_mask() -> None:
    with pytest.raises(InkoverError, match="area_min shapes the automatic mask, but a mask is given"):
        build(TOY, {"area-min": 0.5}, masked=True)
    assert build(TOY, {"count": 2}, masked=True) == Toy(2)
    for own in ("noises", "mask_strength", "clamp", "threshold", "closing"):
        default = getattr(build(methods.get("diffedit"), {}), own)
        with pytest.raises(InkoverError, match=own):
            build(methods.get("diffedit"), {own: default}, masked=True)


def test_a_mask_strength_of_no_step_is_refused() -> None:
    with pytest.raises(InkoverError, match="mask_strength 0.1 of 5 steps is no step: give 0.2 or more"):
        build(methods.get("diffedit"), {"steps": 5, "mask_strength": 0.1})
    build(methods.get("diffedit"), {"steps": 5, "mask_strength": 0.2})


def test_a_knob_of_the_edit_is_refused_where_only_the_mask_is_looked_for() -> None:
    for own in ("strength", "guidance", "negative", "inversion_prompt"):
        for name in ("diffedit", "multi-diffedit"):
            default = getattr(build(methods.get(name), {}), own)
            with pytest.raises(InkoverError, match="shapes the edit"):
                build(methods.get(name), {own: default}, looking=True)
    assert build(methods.get("diffedit"), {"threshold": 0.4}, looking=True).threshold == 0.4


@pytest.mark.parametrize("name", ["ddim", "diffedit"])
@pytest.mark.parametrize(
    "sampler, why",
    [
        ("euler-ancestral", "draws fresh noise"),
        ("dpmpp-sde", "draws fresh noise"),
        ("dpmpp-2m-sde", "draws fresh noise"),
        ("dpmpp-2m", "looks a step back"),
    ],
)
def test_a_sampler_that_does_not_lead_back_to_the_photo_is_refused_with_the_reason(
    name: str, sampler: str, why: str
) -> None:
    with pytest.raises(InkoverError, match=f"sampler '{sampler}' {why}.*give ddim or euler, or method sdedit"):
        build(methods.get(name), {"sampler": sampler})
    assert build(methods.get("sdedit"), {"sampler": sampler}).sampler == sampler


@led
@pytest.mark.parametrize(
    "given_, message",
    [
        ({"guidance": 1, "rescale": 0.5}, "rescale has no effect at guidance 1"),
        ({"guidance": 1, "guidance_from": 0.5}, "guidance_from has no effect at guidance 1"),
        ({"guidance": 1, "guidance_to": 0.5}, "guidance_to has no effect at guidance 1"),
        ({"guidance_from": 0.6, "guidance_to": 0.4}, "guidance_from 0.6 is not below guidance_to 0.4"),
        ({"guidance_from": 1}, "guidance_from 1 is not below guidance_to 1"),
        ({"guidance_to": 0}, "guidance_from 0 is not below guidance_to 0"),
        ({"steps": 10, "strength": 0.5, "guidance_from": 0.1}, "0.1 of 5 walked steps is no step: give 0.2 or more"),
        ({"steps": 10, "strength": 0.5, "guidance_to": 0.1}, "leave none of 5 walked steps .* 0.2 or more apart"),
        (
            {"steps": 50, "strength": 0.8, "guidance_from": 0.5, "guidance_to": 0.51},
            "leave none of 40 walked steps .* 0.025 or more apart",
        ),
        ({"rescale": 1.1}, "rescale 1.1 is out of range"),
        ({"spacing": "karas"}, "did you mean 'karras'"),
    ],
)
def test_guidance_that_would_change_nothing_is_refused(name: str, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InkoverError, match=message):
        build(methods.get(name), given_)


@quick
@given(steps=st.integers(1, 60), strength=st.floats(0, 1), start=st.floats(0, 1), apart=st.floats(0, 1))
def test_the_width_that_an_error_asks_for_is_enough(steps: int, strength: float, start: float, apart: float) -> None:
    method, walk = methods.get("sdedit"), parts.walked(steps, strength)
    given_ = {"steps": steps, "strength": strength, "guidance_from": start, "guidance_to": min(start + apart, 1.0)}
    try:
        settings = build(method, given_)
    except InkoverError:
        assert start * walk < 1 or apart * walk < 1 or start + 1 / walk > 1
    else:
        assert method.cost(settings)["edit"] > walk or walk == 0
