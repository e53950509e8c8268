"""``inkover bench tabletop-model``: what the embedded model itself can do, printed and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isnan
from typing import Any

from inkover.app.recipe import versions
from inkover.app.request import Engine, Manner
from inkover.measure.figures import embedded
from inkover.measure.runs import plan
from inkover.measure.runs.plan import Place

DATASET = "tabletop-model"
PARTS = 5
"""How many rounds over the scenes are told to the bar."""


def run(cases: int, seed: int, place: Place, engine: Engine, manner: Manner) -> None:
    """Measure the model over so many scenes and say what was found; all of it is kept where there is a folder."""
    from inkover.tabletop import folder, likeness, probe

    asked = {"dataset": DATASET, "cases": cases, "seed": seed}
    place.check(asked)
    editor = plan.loaded(engine)
    judge, pairs = probe.load(folder()), likeness.load(folder())
    with plan.progress(manner.quiet) as bar:
        task = bar.add_task("the model itself", total=PARTS * cases)
        made = [*embedded.figures(editor.model, judge, pairs, cases, seed, tick=lambda: bar.advance(task))]
    figures = [asdict(one) | {"value": None if isnan(one.value) else one.value} for one in made]
    settings = asked | {"model": plan.described(editor.weights)}
    report = {"figures": figures, "settings": settings, "versions": dict(versions())}
    place.keep(report)
    print(json.dumps(report) if manner.json else "\n".join(map(_said, figures)))


def _said(figure: Mapping[str, Any]) -> str:
    value = "-" if figure["value"] is None else f"{figure['value']:.3f}"
    return f"{figure['name']:62} {value:>8} {figure['unit']:5} over {figure['cases']}"
