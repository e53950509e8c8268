"""Seconds of a photo's second edit over its first, each in a process of its own.

``python benchmarks/second_edit.py [PHOTO]``: the first edit finds an empty cache and fills it, the second finds it full
and changes the photo otherwise. Compared is the work, from photo to photo, without the loading of the model.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "examples"
WALKS: dict[str, list[str]] = {
    "diffedit": ["--method", "diffedit"],
    "p2p, direct": ["--method", "p2p", "--inversion", "direct"],
    "p2p, direct, keep": ["--method", "p2p", "--inversion", "direct", "--set", "keep=true"],
}


def edit(given: argparse.Namespace, walk: list[str], target: str, folder: Path) -> dict[str, Any]:
    """Run one edit in a process of its own and return what it says of itself."""
    words = ["--from", given.source, "--to", target, "-o", str(folder / "edited.png"), "--force", "--json", "--quiet"]
    command = [sys.executable, "-m", "inkover", "edit", str(given.photo), *words, *walk, "--model", given.model]
    environment = os.environ | {"INKOVER_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": str(given.threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def worked(said: dict[str, Any]) -> float:
    """Return the seconds of an edit without the loading of its model."""
    return float(sum(seconds for name, seconds in said["seconds"].items() if name != "load"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLES / "mug.jpg")
    parser.add_argument("--source", default="a shiny red mug on grass under the sky")
    parser.add_argument("--targets", nargs=2, default=["a shiny blue mug on grass under the sky",
                                                        "a shiny green mug on grass under the sky"])  # fmt: skip
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    for name, walk in WALKS.items():
        pairs = []
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory() as folder:
                pairs.append([edit(given, walk, target, Path(folder)) for target in given.targets])
        first, second = (min(map(worked, runs)) for runs in zip(*pairs, strict=True))
        samples = [sum(said["samples"].values()) for said in pairs[0]]
        print(f"{name:18} {samples[0]} samples {first:.2f} s, then {samples[1]} samples {second:.2f} s: "
              f"ratio {second / first:.2f}, {given.threads} threads")  # fmt: skip


if __name__ == "__main__":
    main()
