"""Small folders of each dataset's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from small_photo import pixels

TEXTS = ("a red ball on grass", "a blue ball on grass")
SIZE = (64, 80)  # H, W


def picture(path: Path, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    """Draw a photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(size, seed)).save(path)
    return path


def mask(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """Draw a mask, white in the middle."""
    values = np.zeros(size, np.uint8)
    values[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 255
    Image.fromarray(values).save(path)
    return path


def pie_bench(folder: Path, **changes: Any) -> Path:
    """Make a PIE-Bench of two cases; ``changes`` are of the second."""
    listed = {}
    for number, (name, kind) in enumerate((("000000000000", "0_random_140"), ("111000000001", "1_change_object_80"))):
        image = f"{kind}/{name}.jpg"
        picture(folder / "annotation_images" / image, (512, 512), number)
        listed[name] = {
            "image_path": image,
            "original_prompt": "a [red] ball on grass",
            "editing_prompt": "a [blue] ball on grass",
            "editing_instruction": "make it blue",
            "editing_type_id": kind[0],
            "blended_word": "red blue",
            "mask": [512 * 100, 20_000],
        }
    listed[name] |= changes
    (folder / "mapping_file.json").write_text(json.dumps(listed))
    return folder


def tedbench(folder: Path) -> Path:
    """Make a TEdBench of two cases of one photo."""
    picture(folder / "originals" / "ball.jpeg")
    texts = ("A blue ball on grass.", "A cube on grass.")
    listed = [{"img_name": "ball.jpeg", "target_text": text} for text in texts]
    (folder / "input_list.json").write_text(json.dumps(listed))
    return folder


def tedbench_plus(folder: Path) -> Path:
    """Make a TEdBench++ of two cases, with some of the settings that LEDITS++ had."""
    picture(folder / "originals" / "ball.jpeg")
    rows = ["image,target,skip,seed", 'ball.jpeg,"a blue ball, on grass",0.2,4.39e17', "ball,a cube,0.1,1.0"]
    (folder / "tedbench++.csv").write_text("\n".join(rows) + "\n")
    return folder


def cases(folder: Path, *changes: dict[str, Any]) -> Path:
    """Make a folder of cases; the first has a mask and a truth; each of ``changes`` is of one, None takes a key out."""
    picture(folder / "one.png")
    picture(folder / "true.png", seed=1)
    mask(folder / "mask.png")
    lines = []
    for number, change in enumerate(changes or ({}, {"mask": None, "truth": None, "kind": "other"})):
        entry = {"id": f"c{number}", "photo": "one.png", "from": TEXTS[0], "to": TEXTS[1], "mask": "mask.png",
                 "truth": "true.png"} | change  # fmt: skip
        lines.append(json.dumps({key: value for key, value in entry.items() if value is not None}))
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n")
    return folder
