"""Whether a face stayed the person it was: found by YuNet, compared by SFace (Zhong et al. 2021), both in OpenCV.

The networks are OpenCV Zoo's files; score, overlap and count of boxes are what OpenCV's ``FaceDetectorYN`` begins with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkover.errors import InkoverError
from inkover.models.fingerprint import file_hash, hash_of_hashes
from inkover.models.folder import first_line

if TYPE_CHECKING:
    import cv2

DETECTORS = ("face_detection_yunet_2023mar.onnx", "face_detection_yunet_2026may.onnx")
"""One network: the first of a fixed size, 640 x 640, the second of any."""
RECOGNISER = "face_recognition_sface_2021dec.onnx"

SIDE = 640
LOOKS = (640, 320)
"""How long a photo's longer side is when faces are looked for: YuNet was trained on faces up to some 300 px."""
SCORE, OVERLAP, MOST = 0.9, 0.3, 5000
SEEN = 224
"""How many pixels a face's longer side has at most where it is cut out, so that 112 of them lose no detail."""
ALIGNED, WIDTH = 112, 128

STRIDES, PARTS = (8, 16, 32), {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
OUTPUTS = {f"{part}_{stride}": (1, (SIDE // stride) ** 2, n) for part, n in PARTS.items() for stride in STRIDES}
"""What YuNet makes of a picture of SIDE px, by the names by which OpenCV asks for it."""

POINTER = b"version https://git-lfs"
"""How the few lines begin that stand for a file which Git LFS keeps."""

Bytes = NDArray[np.uint8]  # (H, W, 3), RGB
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in a photo, in pixels of it."""

    box: tuple[float, float, float, float]  # x, y, width, height
    points: Floats  # (5, 2): x and y of the eyes, the nose, the corners of the mouth

    @property
    def side(self) -> float:
        """Return the longer side of its box."""
        return max(self.box[2:])

    @property
    def place(self) -> Floats:
        """Return the middle of its box, x and y."""
        x, y, width, height = self.box
        return np.array([x + width / 2, y + height / 2])


@dataclass(frozen=True, slots=True)
class Likenesses:
    """How many faces a photo has, and of those that its edited copy still has, how like they are."""

    found: int
    cosines: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Faces:
    """The network that finds faces and the one that compares them."""

    detector: cv2.FaceDetectorYN
    recogniser: cv2.FaceRecognizerSF

    def likenesses(self, before: Bytes, after: Bytes) -> Likenesses:
        """Compare each face of a photo with the one at its place in the edited copy."""
        there, here = self.seen(before), self.seen(after)
        pairs = matched(there, here)
        vectors = ((self.vector(before, there[i]), self.vector(after, here[j])) for i, j in pairs)
        return Likenesses(len(there), tuple(cosine(one, other) for one, other in vectors))

    def seen(self, photo: Bytes) -> list[Face]:
        """Return the faces of a photo: those of the closer look, and those that only the look from afar shows."""
        faces: list[Face] = []
        longer = max(photo.shape[:2])
        for side in dict.fromkeys(min(look, longer) for look in LOOKS):
            new = self._detected(photo, side / longer)
            faces += [face for face in new if all(alike(face, other) <= OVERLAP for other in faces)]
        return faces

    def _detected(self, photo: Bytes, scale: float) -> list[Face]:
        """Look for faces in a photo made smaller, in the upper left of a black square: every file takes that size."""
        small = shrunk(photo, scale)
        height, width = small.shape[:2]
        square = np.zeros((SIDE, SIDE, 3), np.uint8)
        square[:height, :width] = small[..., ::-1]
        with _opencv("--faces: the detector"):
            rows = self.detector.detect(square)[1]
        ratio = np.array([photo.shape[1] / width, photo.shape[0] / height])
        return [_face(row.astype(np.float64), ratio) for row in (() if rows is None else rows)]

    def vector(self, photo: Bytes, face: Face) -> Floats:  # -> (WIDTH,)
        """Return SFace's vector of a face, turned and scaled to stand as all do."""
        small = shrunk(photo, min(1.0, SEEN / face.side))
        ratio = np.array([small.shape[1] / photo.shape[1], small.shape[0] / photo.shape[0]])
        row = np.zeros((1, 15), np.float32)
        row[0, 4:14] = _scaled(face.points, ratio).ravel()
        with _opencv("--faces: the recogniser"):
            aligned = self.recogniser.alignCrop(np.ascontiguousarray(small[..., ::-1]), row)
            return np.asarray(self.recogniser.feature(aligned), np.float64).ravel()


def _face(row: Floats, ratio: Floats) -> Face:  # row: box, five points, score
    (x, y), (width, height) = row[:2] * ratio, row[2:4] * ratio
    return Face((float(x), float(y), float(width), float(height)), _scaled(row[4:14].reshape(5, 2), ratio))


def _scaled(points: Floats, ratio: Floats) -> Floats:
    """Return where points lie, as indices of pixels, when a picture is made larger or smaller."""
    scaled: Floats = (points + 0.5) * ratio - 0.5
    return scaled


def shrunk(photo: Bytes, scale: float) -> Bytes:
    """Return a photo made smaller by area means."""
    import cv2

    if scale == 1:
        return photo
    size = [max(1, round(side * scale)) for side in photo.shape[:2]]
    return np.asarray(cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def matched(there: Sequence[Face], here: Sequence[Face]) -> list[tuple[int, int]]:
    """Pair each face with the one that stands nearest to its place, the nearest first, each once, in order.

    One that is farther away than the face is long is none.
    """
    apart = {
        (i, j): float(np.linalg.norm(one.place - other.place))
        for i, one in enumerate(there)
        for j, other in enumerate(here)
    }
    pairs = dict[int, int]()
    for i, j in sorted(apart, key=lambda pair: (apart[pair], pair)):
        if i not in pairs and j not in pairs.values() and apart[i, j] <= there[i].side:
            pairs[i] = j
    return sorted(pairs.items())


def alike(one: Face, other: Face) -> float:
    """Return how nearly two boxes are one: what both hold over what either holds."""
    (x0, y0, w0, h0), (x1, y1, w1, h1) = one.box, other.box
    width = min(x0 + w0, x1 + w1) - max(x0, x1)
    height = min(y0 + h0, y1 + h1) - max(y0, y1)
    both = max(width, 0.0) * max(height, 0.0)
    return both / (w0 * h0 + w1 * h1 - both)


def cosine(one: Floats, other: Floats) -> float:
    """Return the cosine of two vectors; NaN where one has no length."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 0 else float("nan")


def load(folder: Path) -> Faces:
    """Load OpenCV Zoo's two files from a folder; InkoverError says what is wrong with them."""
    import cv2

    detector, recogniser = files(folder)
    _check(detector, "YuNet")
    _check(recogniser, "SFace")
    with _opencv(f"--faces {folder}"):
        finds = cv2.FaceDetectorYN.create(str(detector), "", (SIDE, SIDE), SCORE, OVERLAP, MOST)
        return Faces(finds, cv2.FaceRecognizerSF.create(str(recogniser), ""))


def named(folder: Path) -> str:
    """Return what the two networks are called in a report: where they are, and the SHA-256 of their files."""
    return f"{folder} sha256:{hash_of_hashes({file.name: file_hash(file) for file in files(folder)})}"


def files(folder: Path) -> tuple[Path, Path]:
    """Return where the detector and the recogniser lie."""
    wanted = f"give a folder with {DETECTORS[0]} and {RECOGNISER} of OpenCV Zoo"
    if not folder.is_dir():
        raise InkoverError(f"--faces {folder} {'is a file' if folder.exists() else 'is not there'}: {wanted}")
    detector = next((folder / name for name in DETECTORS if (folder / name).is_file()), None)
    if detector is None or not (folder / RECOGNISER).is_file():
        raise InkoverError(f"--faces {folder} has no {DETECTORS[0] if detector is None else RECOGNISER}: {wanted}")
    return detector, folder / RECOGNISER


def _check(file: Path, wanted: str) -> None:
    """Refuse what is no ONNX, and a network that makes something else, before OpenCV reads what is not there."""
    with file.open("rb") as content:
        if content.read(len(POINTER)) == POINTER:
            raise InkoverError(f"{file} only says where Git LFS keeps the network: git lfs pull, or get it")
    made = _made(file)
    found = "YuNet" if made == OUTPUTS else "SFace" if [*made.values()] == [(1, WIDTH)] else None
    if found is None:
        said = ", ".join(f"{name} {shape}" for name, shape in made.items())
        raise InkoverError(f"{file} is no {wanted} of OpenCV Zoo (it makes {said[:80]}): get the file again")
    if found != wanted:
        raise InkoverError(f"{file} holds {found}, expected {wanted}: are the two files exchanged?")


def _made(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each thing that a network makes of a picture, of YuNet's in the order of OUTPUTS."""
    import cv2

    with _opencv(str(file)):
        net: Any = cv2.dnn.readNetFromONNX(str(file))
        names = [*net.getUnconnectedOutLayersNames()]
        finds = {*names} >= OUTPUTS.keys()
        side = SIDE if finds else ALIGNED
        net.setInput(np.zeros((1, 3, side, side), np.float32))
        made = net.forward([*OUTPUTS] if finds else names)
    return {name: array.shape for name, array in zip(OUTPUTS if finds else names, made, strict=True)}


@contextmanager
def _opencv(what: str) -> Iterator[None]:
    """Turn what OpenCV raises into one line, and keep what it writes off the terminal."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    except cv2.error as problem:
        raise InkoverError(f"{what} cannot be used ({first_line(problem)}): get OpenCV Zoo's ONNX again") from None
    finally:
        cv2.utils.logging.setLogLevel(level)
