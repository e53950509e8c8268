"""Small ONNX files, written by hand, of the inputs and outputs of YuNet and SFace: a face is a red cell of 8 px."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

DETECTOR, RECOGNISER = "face_detection_yunet_2023mar.onnx", "face_recognition_sface_2021dec.onnx"
CELL, LONG = 8, 40
"""The side of the red cell, and of the box that is found around it, in pixels."""

TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Where SFace wants eyes, nose and mouth in its 112 px."""

FLOAT, INT64, INTS = 1, 7, 7  # ONNX's numbers for types of elements, and of an attribute


def faces_folder(folder: Path, seed: int = 0) -> Path:
    """Write both files; ``seed`` is the recogniser's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DETECTOR).write_bytes(detector())
    (folder / RECOGNISER).write_bytes(recogniser(seed))
    return folder


def detector() -> bytes:
    """Return what finds a box of LONG px around each red cell; cells lie at multiples of CELL."""
    nodes, weights, made = list[bytes](), dict[str, Any](), list[tuple[str, tuple[int, ...]]]()
    for stride in (8, 16, 32):
        red = np.zeros((1, 3, stride, stride))
        if stride == CELL:
            red[:, 2], red[:, :2] = 1, -1  # blue, green, red
            red /= 255 * stride**2
        box = np.array([0.5, 0.5, math.log(LONG / stride), math.log(LONG / stride)])
        points = (TEMPLATE * LONG / 112 - LONG / 2) / stride + 0.5
        for part, weight, bias in (("cls", red, [0]), ("obj", red, [0]), ("bbox", None, box), ("kps", None, points)):
            offset, name = np.ravel(bias), f"{part}_{stride}"
            blank = np.zeros((offset.size, 3, stride, stride))
            weights |= {f"{name}w": blank if weight is None else weight, f"{name}b": offset}
            weights[f"{name}s"] = np.array([1, -1, offset.size])
            nodes += [
                _node("Conv", ["input", f"{name}w", f"{name}b"], f"{name}c", strides=[stride, stride]),
                _node("Transpose", [f"{name}c"], f"{name}t", perm=[0, 2, 3, 1]),
                _node("Reshape", [f"{name}t", f"{name}s"], name),
            ]
            made.append((name, (1, (640 // stride) ** 2, offset.size)))
    return _model(nodes, weights, ("input", (1, 3, 640, 640)), made)


def kernel(seed: int = 0) -> Any:
    """Return the recogniser's weights (8, 3, 28, 28): red, green, blue."""
    return np.random.default_rng(seed).normal(0, 0.1, (8, 3, 28, 28)).astype(np.float32)


def recogniser(seed: int = 0, width: int = 128) -> bytes:
    """Return what makes 128 numbers of 112 px: eight linear ones of each of 16 squares."""
    weights = {"w": kernel(seed)[: width // 16], "b": np.zeros(width // 16), "s": np.array([1, width])}
    nodes = [_node("Conv", ["data", "w", "b"], "c", strides=[28, 28]), _node("Reshape", ["c", "s"], "fc1")]
    return _model(nodes, weights, ("data", (1, 3, 112, 112)), [("fc1", (1, width))])


def _model(
    nodes: Sequence[bytes], weights: Mapping[str, Any], given: tuple[str, Any], made: Sequence[tuple[str, Any]]
) -> bytes:
    graph = b"".join(_block(1, node) for node in nodes) + _block(2, "graph")
    graph += b"".join(_block(5, _tensor(name, values)) for name, values in weights.items())
    graph += _block(11, _value(*given)) + b"".join(_block(12, _value(*one)) for one in made)
    return _number(1, 8) + _block(8, _number(2, 13)) + _block(7, graph)  # versions of ONNX and of its operators


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: Sequence[int]) -> bytes:
    said = b"".join(_block(5, _ints(name, values)) for name, values in attributes.items())
    return b"".join(_block(1, one) for one in inputs) + _block(2, output) + _block(3, output) + _block(4, kind) + said


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _block(1, name) + b"".join(_number(8, value) for value in values) + _number(20, INTS)


def _tensor(name: str, values: Any) -> bytes:
    whole = values.dtype == np.int64
    raw = values.astype("<i8" if whole else "<f4").tobytes()
    shape = b"".join(_number(1, side) for side in values.shape)
    return shape + _number(2, INT64 if whole else FLOAT) + _block(8, name) + _block(9, raw)


def _value(name: str, shape: Sequence[int]) -> bytes:
    sides = b"".join(_block(1, _number(1, side)) for side in shape)
    return _block(1, name) + _block(2, _block(1, _number(1, FLOAT) + _block(2, sides)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _block(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + _varint(high) if high else bytes([low])
