"""A run of the benchmark that is killed again and again, and whether it comes to the table of one that is not.

``python benchmarks/killed.py [--kills 5] [--seed 0] [--dtype bfloat16]`` runs ``inkover bench tabletop --cases 4
--edits recolour,replace --steps 10`` with every method once to its end, and once more in a folder of its own, where it
is killed with SIGKILL at random moments, the first of which may come before anything is on the disk. After each the
same command goes on with ``--resume``. Compared are the rows of both reports, every trial, and every picture to the
byte; seconds are left out, and the evaluations that a run was spared, which a kill between two variants changes. The
moments are drawn so that the run cannot end before the last of them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ASKED = ["tabletop", "--cases", "4", "--edits", "recolour,replace", "--steps", "10"]
TRIALS, REPORT = "trials.jsonl", "report.json"
APART = {"seconds", "evaluated"}


def command(folder: Path, more: Sequence[str]) -> list[str]:
    """Return the command line of a run, which goes on with what is in its folder."""
    resume = ["--resume"] if (folder / TRIALS).exists() else []
    return [sys.executable, "-m", "inkover", "bench", *ASKED, *more, "-o", str(folder), "--quiet", *resume]


def whole(folder: Path, more: Sequence[str]) -> float:
    """Run to the end and return the seconds that it took."""
    start = time.perf_counter()
    subprocess.run(command(folder, more), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def killed(folder: Path, more: Sequence[str], after: float) -> str:
    """Kill a run after so many seconds and return what it left."""
    process = subprocess.Popen(command(folder, more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    else:
        raise SystemExit(f"the run ended by itself, with {process.returncode}: {said or 'before it was killed'}")
    if not (folder / TRIALS).exists():
        return "nothing on the disk yet"
    data = (folder / TRIALS).read_bytes()
    lines = data.splitlines(keepends=True)
    cut = not data.endswith(b"\n")
    return f"{len(lines) - 1 - cut} trials{' and a part of one' if cut else ''}"


def without(values: dict[str, Any]) -> dict[str, Any]:
    """Return figures without what another run has otherwise."""
    return {name: value for name, value in values.items() if name not in APART}


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a report."""
    found: list[dict[str, Any]] = json.loads((folder / REPORT).read_text())["rows"]
    return [without(row) for row in found]


def trials(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every trial."""
    for line in (folder / TRIALS).read_text().splitlines()[1:]:
        trial = json.loads(line)
        yield trial | {"figures": without(trial["figures"])}


def pictures(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all pictures by their names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def main() -> None:
    """Run, kill, resume and compare; the exit code is 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype")
    given = parser.parse_args()
    more = [] if given.dtype is None else ["--dtype", given.dtype]
    print(f"inkover bench {' '.join([*ASKED, *more])}")
    with tempfile.TemporaryDirectory() as place:
        straight, broken = Path(place) / "straight", Path(place) / "broken"
        seconds = whole(straight, more)
        print(f"not interrupted: {seconds:.0f} s, {len(list(trials(straight)))} trials", flush=True)
        drawn = random.Random(given.seed)
        for _ in range(given.kills):
            after = drawn.uniform(0, seconds / given.kills)
            print(f"killed after {after:.1f} s: {killed(broken, more, after)}", flush=True)
        print(f"resumed to its end: {whole(broken, more):.0f} s, {len(list(trials(broken)))} trials")
        same = {
            "rows": rows(straight) == rows(broken),
            "trials": list(trials(straight)) == list(trials(broken)),
            "pictures": pictures(straight) == pictures(broken),
        }
    print(", ".join(f"{name} {'the same' if found else 'DIFFER'}" for name, found in same.items()))
    sys.exit(not all(same.values()))


if __name__ == "__main__":
    main()
