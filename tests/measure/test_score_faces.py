"""Identity, with small networks of YuNet's and SFace's outputs, against cuts and cosines written out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import small_onnx
from inkover.app.cli import run
from inkover.errors import InkoverError
from inkover.measure.figures import faces
from inkover.measure.figures.scores import Pair, score
from small_onnx import CELL, DETECTOR, LONG, RECOGNISER, TEMPLATE

Places = list[tuple[int, int]]  # x, y of red cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_onnx.faces_folder(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="module")
def networks(folder: Path) -> faces.Faces:
    return faces.load(folder)


def photo(places: Places, seed: int = 0, size: tuple[int, int] = (192, 256), times: int = 1) -> Any:
    """Draw grain with a red cell at each place, every pixel so many times as large."""
    grain = np.random.default_rng(seed).integers(40, 200, (*size, 3)).astype(np.uint8)
    for x, y in places:
        grain[y : y + CELL, x : x + CELL] = (255, 0, 0)
    return grain.repeat(times, 0).repeat(times, 1)


def vector(picture: Any, place: tuple[int, int]) -> Any:
    """Write a face's vector out: its LONG px are seen as 112, each of 16 squares by the recogniser's weights."""
    from skimage.transform import SimilarityTransform, warp

    points = TEMPLATE * LONG / 112 - LONG / 2 + np.array(place) + CELL / 2
    here = SimilarityTransform.from_estimate(TEMPLATE, points)
    cut = np.rint(warp(picture.astype(float), here, output_shape=(112, 112), order=1))
    squares = cut.reshape(4, 28, 4, 28, 3)
    return np.einsum("iajbk,okab->oij", squares, small_onnx.kernel()).ravel()


def cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def measured(networks: faces.Faces, before: Any, after: Any) -> Any:
    found = networks.likenesses(before, after)
    return score(Pair(before / 255, after / 255, faces=found), ("identity", "faces_kept"))


def test_faces_are_found_where_they_are(networks: faces.Faces) -> None:
    found = sorted(networks.seen(photo([(160, 48), (40, 96)])), key=lambda face: face.box)
    assert [face.box for face in found] == [pytest.approx((24, 80, 40, 40)), pytest.approx((144, 32, 40, 40))]
    expected = TEMPLATE * LONG / 112 - LONG / 2 + (44, 100)
    assert found[0].points == pytest.approx(expected, abs=1e-3)


def test_the_cosine_is_what_the_definition_says(networks: faces.Faces) -> None:
    places: Places = [(160, 48), (40, 96)]
    before, after = photo(places), photo(places, seed=1)
    expected = np.mean([cosine(vector(before, place), vector(after, place)) for place in places])
    found = measured(networks, before, after)
    assert 0 < found.values["identity"] < 0.999
    assert found.values["identity"] == pytest.approx(expected, abs=1e-4)
    assert found.values["faces_kept"] == 1


def test_a_photo_is_itself_and_which_comes_first_makes_no_difference(networks: faces.Faces) -> None:
    one, other = photo([(80, 80)]), photo([(80, 80)], seed=1)
    assert measured(networks, one, one).values["identity"] == pytest.approx(1)
    there, back = (measured(networks, *pair).values["identity"] for pair in ((one, other), (other, one)))
    assert there == pytest.approx(back)


def test_a_face_is_compared_with_the_one_at_its_place(networks: faces.Faces) -> None:
    before, after = photo([(40, 96)]), photo([(48, 96), (200, 96)], seed=1)  # eight pixels on, and another one
    found = measured(networks, before, after)
    assert found.values["identity"] == pytest.approx(
        cosine(vector(before, (40, 96)), vector(after, (48, 96))), abs=1e-4
    )
    assert found.values["faces_kept"] == 1


def test_no_face_is_not_a_lost_one_and_neither_scores_nothing(networks: faces.Faces) -> None:
    with_face, without, elsewhere = photo([(40, 96)]), photo([]), photo([(200, 96)])
    none, lost = measured(networks, without, with_face), measured(networks, with_face, without)
    assert none.values["identity"] is None and none.values["faces_kept"] is None
    assert none.reasons["identity"] == none.reasons["faces_kept"] == "no face is found in the photo"
    for found in (lost, measured(networks, with_face, elsewhere)):
        assert found.values["identity"] is None and "is lost" in found.reasons["identity"]
        assert found.values["faces_kept"] == 0
    two, one = photo([(40, 96), (160, 48)]), photo([(40, 96)])
    found = measured(networks, two, one)
    assert found.values["identity"] == pytest.approx(1, abs=0.02) and found.values["faces_kept"] == 0.5


def test_pairs_are_the_nearest_first_each_once_and_none_from_afar() -> None:
    def at(*places: float) -> list[faces.Face]:
        return [faces.Face((x, 0, 10, 8), np.zeros((5, 2))) for x in places]

    assert faces.matched(at(0, 20), at(21, 1)) == [(0, 1), (1, 0)]
    assert faces.matched(at(0, 4), at(5)) == [(1, 0)]
    assert faces.matched(at(0), at(10)) == [(0, 0)] and faces.matched(at(0), at(10.1)) == []
    assert faces.matched([], at(1)) == faces.matched(at(1), []) == []


@pytest.mark.parametrize("times", [2, 5, 8])
def test_a_large_photo_is_seen_small_and_told_of_at_its_own_size(networks: faces.Faces, times: int) -> None:
    picture = photo([(80, 96)], size=(192, 640))
    (face,), (grown,) = networks.seen(picture), networks.seen(picture.repeat(times, 0).repeat(times, 1))
    assert grown.box == pytest.approx(tuple(times * side for side in face.box))
    assert (grown.points + 0.5) / times - 0.5 == pytest.approx(face.points, abs=1e-3)  # as indices of pixels


def test_a_large_face_is_cut_out_without_losing_its_grain_to_chance(networks: faces.Faces) -> None:
    y, x = np.mgrid[:1000, :1000]
    smooth = 128 + 40 * np.stack([np.sin(x / 90), np.cos(y / 70), np.sin((x + y) / 80)], -1)
    grain = np.random.default_rng(0).normal(0, 40, smooth.shape)
    face = faces.Face((52, 52, 896, 896), TEMPLATE * 8 + 52)
    plain, grainy = (
        networks.vector(picture.clip(0, 255).astype(np.uint8), face) for picture in (smooth, smooth + grain)
    )
    assert cosine(plain, grainy) > 0.995


def test_the_look_from_afar_adds_what_the_closer_one_did_not_see(networks: faces.Faces) -> None:
    class Detector:
        """Finds one box from near, and from afar that box again and a larger one."""

        def detect(self, square: Any) -> Any:
            near = bool(square[:, 320:].any())
            boxes = [(100, 100, 60, 60)] if near else [(51, 50, 30, 31), (160, 20, 120, 140)]
            return 1, np.array([[*box, *[0.0] * 11] for box in boxes], np.float32)

    found = faces.Faces(Detector(), networks.recogniser).seen(photo([], size=(960, 1280)))  # type: ignore[arg-type]
    assert [face.box for face in found] == [(200, 200, 120, 120), (640, 80, 480, 560)]


def test_the_command_reports_it_and_which_networks_it_was(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = [str(tmp_path / name) for name in ("one.png", "other.png")]
    for seed, path in enumerate(photos):
        Image.fromarray(photo([(40, 96)], seed)).save(path)
    assert run(["score", *photos, "--faces", str(folder), "--json"]) == 0
    said = capfd.readouterr()
    found = json.loads(said.out)
    assert not said.err and 0 < found["identity"] < 1 and found["faces_kept"] == 1
    assert found["models"]["identity"] == found["models"]["faces_kept"]
    assert found["models"]["identity"].startswith(f"{folder} sha256:")
    assert run(["score", *photos, "--json"]) == 0
    assert "--faces" in json.loads(capfd.readouterr().out)["reasons"]["identity"]
    assert run(["score", "--list"]) == 0
    assert "0.363" in capfd.readouterr().out


def test_the_newer_name_of_the_detector_will_do(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / DETECTOR, tmp_path / faces.DETECTORS[1])
    shutil.copy(folder / RECOGNISER, tmp_path)
    assert len(faces.load(tmp_path).seen(photo([(40, 96)]))) == 1


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("gone", "is not there: give a folder with face_detection_yunet_2023mar.onnx and"),
        ("file", "is a file: give a folder"),
        ("no detector", f"has no {DETECTOR}"),
        ("no recogniser", f"has no {RECOGNISER}"),
        ("exchanged", "holds SFace, expected YuNet: are the two files exchanged"),
        ("twice", f"{RECOGNISER} holds YuNet, expected SFace"),
        ("text", "cannot be used .*again"),
        ("empty", "cannot be used .*again"),
        ("cut", "cannot be used .*again"),
        ("pointer", "git lfs pull"),
        ("other", r"is no SFace of OpenCV Zoo \(it makes fc1 \(1, 64\)\)"),
    ],
)
def test_a_wrong_folder_is_one_line(
    kind: str, said: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "faces"
    if kind not in ("gone", "file"):
        shutil.copytree(folder, own)
    one, other = own / DETECTOR, own / RECOGNISER
    if kind == "file":
        own.touch()
    elif kind.startswith("no "):
        (one if kind == "no detector" else other).unlink()
    elif kind == "exchanged":
        one.write_bytes(small_onnx.recogniser())
        other.write_bytes(small_onnx.detector())
    elif kind != "gone":
        content = {"twice": one.read_bytes(), "text": b"hello\n" * 99, "empty": b"", "cut": other.read_bytes()[:-500]}
        content |= {"pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"}
        content["other"] = small_onnx.recogniser(width=64)
        other.write_bytes(content[kind])
    with pytest.raises(InkoverError, match=said) as problem:
        faces.load(own)
    assert "\n" not in str(problem.value) and not capfd.readouterr().err


def test_a_vector_without_length_is_a_reason_and_no_number() -> None:
    assert np.isnan(faces.cosine(np.zeros(3), np.ones(3)))
    found = score(
        Pair(np.zeros((8, 8, 3)), np.zeros((8, 8, 3)), faces=faces.Likenesses(1, (float("nan"),))), ["identity"]
    )
    assert found.values["identity"] is None and "damaged" in found.reasons["identity"]
