"""Masks put together in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.errors import InkoverError
from inkover.masks import algebra, shape
from inkover.masks.algebra import Node, Place

SIZE = (12, 20)
RNG = np.random.default_rng(0)
MASKS = {name: RNG.random(SIZE).astype(np.float32) for name in ("a.png", "b c.png", "d.png")}


def of(place: Place) -> shape.Mask:
    return MASKS[place.texts[0]]


def made(text: str) -> shape.Mask:
    return algebra.joined(algebra.parse(text), SIZE, of)


A, B, D = MASKS.values()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a.png and 'b c.png'", np.minimum(A, B)),
        ('a.png or "b c.png"', np.maximum(A, B)),
        ("not a.png", 1 - A),
        ("not not a.png", A),
        ("a.png or d.png and not 'b c.png'", np.maximum(A, np.minimum(D, 1 - B))),
        ("(a.png or d.png) and not 'b c.png'", np.minimum(np.maximum(A, D), 1 - B)),
        ("not (a.png or d.png)", np.minimum(1 - A, 1 - D)),
        ("a.png and d.png and 'b c.png'", np.minimum(np.minimum(A, B), D)),
        ("grow(a.png, 2)", shape.grow(A, 2)),
        ("shrink(a.png or d.png, 1)", shape.grow(np.maximum(A, D), -1)),
        ("feather(box(4, 0, 20, 12), 1.5)", shape.feather(algebra.box(Place("box", edges=((4, False), (0, False), (20, False), (12, False))), SIZE), 1.5)[0]),  # noqa: E501
    ],
)  # fmt: skip
def test_masks_are_joined_as_they_are_written(text: str, expected: shape.Mask) -> None:
    assert np.allclose(made(text), expected, atol=1e-6)


def test_a_box_is_in_pixels_or_percent_from_the_upper_left() -> None:
    mask = made("box(5, 25%, 50%, 12)")
    assert mask.sum() == 5 * 9 and mask[3:12, 5:10].all()
    assert made("box(-10, -10, 999, 999)").all()


@pytest.mark.parametrize(
    "text, kind, texts",
    [
        ("words(red ball)", "words", ("red ball",)),
        ("words( 'red, (big) ball' )", "words", ("red, (big) ball",)),
        ("noise(a and b)", "noise", ("a and b",)),
        ("differs(red ball, blue  ball)", "differs", ("red ball", "blue ball")),
        ("found", "found", ()),
        ("'found'", "file", ("found",)),
    ],
)
def test_what_asks_the_model_is_read(text: str, kind: str, texts: tuple[str, ...]) -> None:
    assert algebra.parse(text) == Place(kind, texts)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "expected a file"),
        ("a.png and", "expected a file"),
        ("a.png b.png", "expected nothing more"),
        ("(a.png", "expected ')'"),
        ("a.png)", "expected nothing more"),
        ("wrods(ball)", "no 'wrods'"),
        ("words()", "expected words"),
        ("differs(a)", "expected ','"),
        ("differs(a, a)", "is nowhere"),
        ("box(1, 2, 3)", "expected ','"),
        ("box(1, 2, 3, x)", "a number of pixels or percent"),
        ("box(1, 2, 3, nan)", "a number of pixels or percent"),
        ("grow(a.png)", "expected ','"),
        ("grow(a.png, -1)", "more than 0"),
        ("grow(a.png, inf)", "a number of pixels"),
        ("grow(a.png, 5%)", "give pixels"),
        ("Words(ball)", "no 'Words'"),
        ("'a.png", "opens a quote"),
        ("not " * 500 + "a.png", "deep"),
        ("(" * 5000 + "a.png", "deep"),
    ],
)
def test_what_is_not_understood_is_said(text: str, says: str) -> None:
    with pytest.raises(InkoverError, match="mask|nowhere|grow") as error:
        algebra.parse(text)
    assert says in str(error.value)


def test_a_box_beside_the_photo_is_refused() -> None:
    with pytest.raises(InkoverError, match="holds no pixel"):
        made("box(30, 0, 40, 9)")


nodes = st.recursive(
    st.sampled_from(["a.png", "'b c.png'", "box(0, 0, 50%, 9)", "words(red ball)"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"not {t}"),
        inner.map(lambda t: f"grow({t}, 3)"),
    ),
    max_leaves=8,
)


@given(nodes)
def test_renaming_touches_files_alone(text: str) -> None:
    assert algebra.parse(algebra.renamed(text, lambda name: name)) == algebra.parse(text)
    moved = algebra.parse(algebra.renamed(text, lambda name: f"x/{name}"))
    assert algebra.files(moved) == [f"x/{name}" for name in algebra.files(algebra.parse(text))]
    assert _bare(moved) == _bare(algebra.parse(text))


def test_names_keep_their_quotes() -> None:
    assert algebra.files(algebra.parse(algebra.renamed("not m.png", lambda name: f'a "b"/{name}'))) == ['a "b"/m.png']
    with pytest.raises(InkoverError, match="rename it"):
        algebra.renamed("not m.png", lambda name: f"""a "b" 'c'/{name}""")


def test_what_no_file_could_be_called_is_an_expression() -> None:
    long = " or ".join(f"box(0, 0, {k}, 9)" for k in range(1, 200))
    assert algebra.is_expression(long) and algebra.joined(algebra.parse(long), SIZE, of).any()
    assert algebra.is_expression("Words(ball)")


def _bare(node: Node) -> object:
    if isinstance(node, Place):
        return node.kind if node.kind == "file" else node
    return node.kind, node.px, tuple(_bare(part) for part in node.parts)


@pytest.mark.parametrize("name", ["mask.png", "my mask.png", "box.png", "sand and sea.png", "found", "not (this).png"])
def test_a_file_that_is_there_is_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    assert not algebra.is_expression(str(tmp_path / name))


@pytest.mark.parametrize(
    "text", ["found", "not m.png", "words(ball)", "a.png or b.png", "(a.png) and(b.png)", "box (1,2,3,4)"]
)
def test_words_are_told_from_files(text: str) -> None:
    assert algebra.is_expression(text)
    assert not algebra.is_expression("m.png") and not algebra.is_expression("C:\\masks\\one.png")
