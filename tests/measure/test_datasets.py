"""Each layout of a dataset: what is read, and that all that is wrong in a folder is named before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import small_datasets as small
from inkover.errors import InkoverError
from inkover.measure.datasets import layouts, run_lengths


def encoded(mask: Any) -> list[int]:
    """Return a mask's run lengths, row by row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.ravel() > 0, [0]]).astype(np.int8)))
    return [int(n) for start, end in edges.reshape(-1, 2) for n in (start, end - start)]


def bordered(mask: Any) -> Any:
    """Return a mask with its border of 1 px set to 1."""
    mask = mask.copy()
    mask[[0, -1]] = mask[:, [0, -1]] = 1
    return mask


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_decoding_undoes_encoding_but_for_the_border(share: float) -> None:
    mask = (np.random.default_rng(0).random((512, 512)) < share).astype(np.float32)
    assert np.array_equal(run_lengths.decoded(encoded(mask)), bordered(mask))


def test_runs_go_row_by_row_and_past_the_end_is_nothing() -> None:
    mask = run_lengths.decoded([512 * 3 + 7, 5, 262_100, 10_000])
    assert mask[3, 7:12].all() and mask[3, 1:7].sum() == 0 and mask[3, 12:511].sum() == 0 and mask[7:12, 3].sum() == 0


def test_a_run_of_everything_is_all_ones() -> None:
    assert run_lengths.decoded([0, 262_144]).all()


@given(st.lists(st.integers(0, 262_143)).filter(lambda runs: len(runs) % 2))
def test_an_odd_list_is_refused(runs: list[int]) -> None:
    with pytest.raises(InkoverError, match="pairs of a start and a length"):
        run_lengths.decoded(runs)


@pytest.mark.parametrize("wrong", [-1, 1.5, "3", None, True])
def test_what_is_no_run_length_is_refused(wrong: Any) -> None:
    with pytest.raises(InkoverError, match="whole numbers"):
        run_lengths.check([0, wrong])


def test_pie_bench(tmp_path: Path) -> None:
    one, other = layouts.load("pie-bench", small.pie_bench(tmp_path))
    assert (one.id, one.kind, other.kind) == ("000000000000", "0_random", "1_change_object")
    assert (one.source, one.target) == small.TEXTS
    mask = one.read_mask((512, 512))
    assert mask is not None and mask[101, 5] == mask[0, 0] == 1 and mask[300, 300] == 0


def test_tedbench(tmp_path: Path) -> None:
    one, other = layouts.load("tedbench", small.tedbench(tmp_path))
    assert (one.id, one.kind, one.source, one.target) == ("001", "tedbench", "", "A blue ball on grass.")
    assert one.photo == other.photo and one.mask is None


def test_tedbench_plus(tmp_path: Path) -> None:
    one, other = layouts.load("tedbench++", small.tedbench_plus(tmp_path))
    assert (one.target, other.target) == ("a blue ball, on grass", "a cube")
    assert one.photo == other.photo == tmp_path / "originals" / "ball.jpeg"


def test_cases(tmp_path: Path) -> None:
    one, other = layouts.load("cases", small.cases(tmp_path))
    assert (one.kind, other.kind, one.truth, other.truth) == ("edit", "other", tmp_path / "true.png", None)


def test_kinds_and_the_first_of_each_are_chosen(tmp_path: Path) -> None:
    kinds = [{"kind": kind} for kind in "abab"]
    cases = layouts.load("cases", small.cases(tmp_path, *kinds))
    assert [case.id for case in layouts.chosen(cases, [], 1)] == ["c0", "c1"]
    assert [case.id for case in layouts.chosen(cases, ["b"], None)] == ["c1", "c3"]
    with pytest.raises(InkoverError, match="did you mean 'a'|known: a, b"):
        layouts.chosen(cases, ["c"], None)


def test_the_fingerprint_is_of_the_bytes_and_not_of_the_place(tmp_path: Path) -> None:
    one, other = (layouts.load("cases", small.cases(tmp_path / name)) for name in ("one", "other"))
    assert layouts.fingerprint(one) == layouts.fingerprint(other)
    small.picture(tmp_path / "other" / "true.png", seed=2)
    assert layouts.fingerprint(one) != layouts.fingerprint(other)


WRONG_LINES = [
    ({"photo": "gone.png"}, "no such file"),
    ({"photo": None}, "'photo' is missing"),
    ({"from": None}, "'from' is missing"),
    ({"to": 3}, "'to' is 3"),
    ({"to": ""}, "the target text is empty"),
    ({"to": " "}, "the target text is empty"),
    ({"to": "a\tball"}, "characters that no model reads"),
    ({"from": "\ud800"}, "characters that no model reads"),
    ({"mask": ""}, "'mask' is '', expected a file in"),
    ({"truth": " "}, "'truth' is ' ', expected a file in"),
    ({"photo": ""}, "'photo' is '', expected a file in"),
    ({"mask": "gone.png"}, "gone.png"),
    ({"truth": "gone.png"}, "gone.png"),
    ({"mask": "cases.jsonl"}, "cases.jsonl"),
    ({"photo": "cases.jsonl"}, "cases.jsonl"),
    ({"id": "a/b"}, "letters, digits"),
    ({"id": "c0"}, "another case's"),
    ({"kind": "all"}, "the means over all kinds"),
    ({"prompt": "x"}, "unknown key 'prompt'"),
    ({"photo": "a\0b"}, "line 2"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_LINES, ids=str)
def test_a_line_that_is_wrong_is_named_by_its_number(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InkoverError) as told:
        layouts.load("cases", small.cases(tmp_path, {}, change))
    assert "cases.jsonl line 2: " in str(told.value) and said in str(told.value)


@pytest.mark.parametrize("line", ["{", "[]", "3", "[" * 100_000, ""])
def test_a_line_that_is_no_object_is_named(line: str, tmp_path: Path) -> None:
    small.cases(tmp_path)
    (tmp_path / "cases.jsonl").write_text(line + "\n")
    with pytest.raises(InkoverError, match="line 1" if line else "no case"):
        layouts.load("cases", tmp_path)


def test_masks_and_truths_of_another_size_are_named(tmp_path: Path) -> None:
    small.cases(tmp_path, {"mask": "wide.png"}, {"truth": "wide.png"})
    small.mask(tmp_path / "wide.png", (64, 90))
    with pytest.raises(InkoverError) as told:
        layouts.load("cases", tmp_path)
    assert "line 1: " in str(told.value) and "line 2: " in str(told.value)
    assert "the mask is 90 x 64 px" in str(told.value) and "the truth is 90 x 64 px" in str(told.value)


def test_a_photo_that_is_cut_off_is_named(tmp_path: Path) -> None:
    photo = small.pie_bench(tmp_path) / "annotation_images" / "0_random_140" / "000000000000.jpg"
    photo.write_bytes(photo.read_bytes()[:5000])
    with pytest.raises(InkoverError, match=r"json 000000000000: .*000000000000\.jpg"):
        layouts.load("pie-bench", tmp_path)


def test_every_file_of_a_case_is_named(tmp_path: Path) -> None:
    small.cases(tmp_path, {"photo": "p.png", "mask": "m.png", "truth": "t.png"})
    with pytest.raises(InkoverError) as told:
        layouts.load("cases", tmp_path)
    assert all(name in str(told.value) for name in ("p.png", "m.png", "t.png"))


def test_of_many_problems_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    small.cases(tmp_path, *({"photo": f"p{k}.png", "mask": None, "truth": None} for k in range(25)))
    with pytest.raises(InkoverError, match="line 20: .*; and 5 more"):
        layouts.load("cases", tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": [0, 5, 9]}, "has 3 run lengths"),
        ({"mask": [0, -5]}, "whole numbers"),
        ({"mask": [1_000_000_000, 5]}, "run 1 of the mask is not of 512 x 512 pixels, 262144 in all"),
        ({"mask": [0, 5, 262_144, 1]}, "run 2 of the mask is not of 512 x 512"),
        ({"mask": [7, 262_145]}, "run 1 of the mask is not of 512 x 512"),
        ({"mask": [0, 10**30]}, "run 1 of the mask is not of 512 x 512"),
        ({"mask": "0 5"}, "'mask' is '0 5'"),
        ({"editing_type_id": "10"}, "'10'"),
        ({"editing_type_id": 1}, "'editing_type_id' is 1"),
        ({"image_path": "gone.jpg"}, "no such file"),
        ({"original_prompt": None}, "'original_prompt' is None"),
        ({"editing_prompt": "[]"}, "the target text is empty"),
        ({"image_path": ""}, "'image_path' is ''"),
    ],
    ids=str,
)
def test_a_case_of_pie_bench_that_is_wrong_is_named_by_its_id(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InkoverError) as told:
        layouts.load("pie-bench", small.pie_bench(tmp_path, **change))
    assert "mapping_file.json 111000000001: " in str(told.value) and said in str(told.value)


def test_a_photo_of_pie_bench_of_another_size_is_named(tmp_path: Path) -> None:
    small.picture(small.pie_bench(tmp_path) / "annotation_images" / "0_random_140" / "000000000000.jpg", (512, 500))
    with pytest.raises(InkoverError, match="is 500 x 512 px, its mask 512 x 512"):
        layouts.load("pie-bench", tmp_path)


Maker = Callable[[Path], Path]
LAYOUTS: list[tuple[str, Maker, str]] = [
    ("pie-bench", small.pie_bench, "mapping_file.json"),
    ("tedbench", small.tedbench, "input_list.json"),
    ("tedbench++", small.tedbench_plus, "tedbench++.csv"),
    ("cases", small.cases, "cases.jsonl"),
]


def test_every_layout_is_tested() -> None:
    assert [name for name, _, _ in LAYOUTS] == list(layouts.names())


@pytest.mark.parametrize(("name", "make", "file"), LAYOUTS)
def test_a_folder_of_another_layout_is_refused(name: str, make: Maker, file: str, tmp_path: Path) -> None:
    with pytest.raises(InkoverError, match="is no folder"):
        layouts.load(name, tmp_path / "gone")
    with pytest.raises(InkoverError, match="it has no"):
        layouts.load(name, tmp_path)
    make(tmp_path)
    for content in (b"", b"\xff\xfe\x00", b'"a', b"null", b"[]", b"{}", b"[" * 100_000, b"\0\0"):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(InkoverError):
            layouts.load(name, tmp_path)


@pytest.mark.parametrize(
    "entry",
    [3, {}, {"img_name": "ball.jpeg"}, {"img_name": "", "target_text": "x"}, {"img_name": "ball", "target_text": ""}],
    ids=str,
)
def test_an_entry_of_tedbench_that_is_wrong_is_named(entry: Any, tmp_path: Path) -> None:
    small.tedbench(tmp_path)
    (tmp_path / "input_list.json").write_text(json.dumps([{"img_name": "ball", "target_text": "x"}, entry]))
    with pytest.raises(InkoverError, match="input_list.json entry 2: "):
        layouts.load("tedbench", tmp_path)


def test_a_row_of_tedbench_plus_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = small.tedbench_plus(tmp_path) / "tedbench++.csv"
    file.write_text(file.read_text() + "gone.jpeg,a cube\nball.jpeg\n")
    with pytest.raises(InkoverError) as told:
        layouts.load("tedbench++", tmp_path)
    assert "line 4: " in str(told.value) and "gone.jpeg" in str(told.value) and "line 5: " in str(told.value)
    (tmp_path / "originals" / "ball.jpeg").unlink()
    with pytest.raises(InkoverError, match="no column that names photos"):
        layouts.load("tedbench++", tmp_path)


def test_a_row_of_tedbench_plus_may_go_over_several_lines(tmp_path: Path) -> None:
    file = small.tedbench_plus(tmp_path) / "tedbench++.csv"
    file.write_text('image,"the\ntarget"\n\nball,a cube\n\n"gone.jpeg",a\nball,"a red\nball"\n')
    with pytest.raises(InkoverError) as told:
        layouts.load("tedbench++", tmp_path)
    assert "++.csv line 6: " in str(told.value) and "gone.jpeg" in str(told.value)
    file.write_text('image,target\n\nball,a cube\nball,"a red\r\n ball"\n', newline="")
    assert [(case.id, case.target) for case in layouts.load("tedbench++", tmp_path)] == [
        ("001", "a cube"),
        ("002", "a red ball"),
    ]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("cases", "is no folder of cases, it has no cases.jsonl: give the one with cases.jsonl"),
        (
            "pie-bench",
            "is no folder of PIE-Bench, it has no mapping_file.json: give the one with mapping_file.json and",
        ),
    ],
)
def test_the_folder_of_a_layout_is_named_once(layout: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InkoverError, match=said):
        layouts.load(layout, tmp_path)
    with pytest.raises(InkoverError, match=rf"is no folder: give the folder of {said.split()[4].rstrip(',')}, with"):
        layouts.load(layout, tmp_path / "nowhere")
