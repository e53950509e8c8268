"""Time of a forward under a control that does nothing over that of one without any, by turns in one run.

``python benchmarks/idle_control.py``: the control sees every attention call of the network and answers it as it is.
"""

from __future__ import annotations

import argparse
import time

import torch

import inkover
from inkover.attention.control import Control
from inkover.diffusion.noise import gaussian

IDLE = Control(lambda site: True, lambda call: call())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--rows", type=int, default=3, help="samples a forward")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = inkover.Editor.load(given.model).model
    latent = model.encode(torch.zeros(1, 3, model.resolution, model.resolution))
    x = torch.cat([gaussian(latent, seed, "idle") for seed in range(given.rows)])
    rows = {str(row): model.text("a red ball on grass") for row in range(given.rows)}
    level = model.levels(50)[20]
    times: dict[bool, list[float]] = {False: [], True: []}
    answers = {idle: model.predict(x, level, rows, IDLE if idle else None) for idle in times}
    for _ in range(given.rounds):
        for idle, spent in times.items():
            start = time.perf_counter()
            model.predict(x, level, rows, IDLE if idle else None)
            spent.append(time.perf_counter() - start)
    same = torch.equal(answers[False].x0, answers[True].x0)
    off, on = (float(torch.tensor(spent).median()) for spent in times.values())
    print(f"without {off * 1000:.1f} ms, idle control {on * 1000:.1f} ms, ratio {on / off:.3f}, "
          f"{'equal to the bit' if same else 'NOT EQUAL'}, {given.threads} threads")  # fmt: skip


if __name__ == "__main__":
    main()
