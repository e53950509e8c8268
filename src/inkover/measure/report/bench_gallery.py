"""The pictures of a report's page: each case with what every method made of it, and the controls that filter them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from inkover.measure.report.bench_cells import number
from inkover.measure.report.bench_pictures import Gallery, ShownCase, ShownTrial
from inkover.measure.runs.columns import View

SIDE, MASK_SIDE = 128, 64
LONGEST = 400
"""How many letters of a text are shown."""

OUTCOMES = {True: "succeeded", False: "failed", None: ""}


def gallery(found: Gallery, view: View) -> Iterator[str]:
    """Yield the controls and the cases."""
    trials = [trial.line for case in found.cases for trial in case.trials]
    methods, kinds = (list(dict.fromkeys(of)) for of in ([x.method for x in trials], [x.kind for x in trials]))
    outcomes = list(dict.fromkeys(OUTCOMES[(line.figures or {}).get("success")] for line in trials))
    yield '<form id="filters" hidden>'
    yield _choice("method", "method", methods)
    yield _choice("kind", "kind of edit", kinds)
    if any(outcomes):
        yield _choice("outcome", "outcome", [said for said in OUTCOMES.values() if said])
    yield '<label>words <input id="words" type="search" autocomplete="off"></label>'
    yield '<output id="count" aria-live="polite"></output>\n</form>\n<div id="cases">'
    for case in found.cases:
        yield from _case(case, view, methods, kinds)
    yield '</div>\n<p id="none" hidden>No picture is like that.</p>'


def _choice(name: str, label: str, values: Sequence[str]) -> str:
    """Return a menu; its values are numbers, so that no label has to be one."""
    own = (f'<option value="{k}">{escape(value)}</option>' for k, value in enumerate(values))
    return f'<label>{label} <select id="{name}"><option value="">all</option>{"".join(own)}</select></label>'


def _case(case: ShownCase, view: View, methods: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    line = case.trials[0].line
    texts = f'<span class="from">{_said(line.source)}</span><br>\n' if line.source else ""
    yield f'<article class="case" data-kind="{kinds.index(line.kind)}">'
    yield f'<h3>{escape(line.case)} <span class="kind">{escape(line.kind)}</span></h3>'
    yield f'<p class="words">{texts}{_said(line.words)}</p>\n<div class="row">'
    yield _figure("given", "", _picture(case.photo, f"{line.case}: the photo"), "photo")
    if case.truth is not None:
        yield _figure("given", "", _picture(case.truth, f"{line.case}: the true edit"), "true edit")
    for trial in case.trials:
        yield _trial(trial, view, methods.index(trial.line.method))
    yield "</div>\n</article>"


def _trial(trial: ShownTrial, view: View, method: int) -> str:
    line = trial.line
    success = (line.figures or {}).get("success")
    outcome = "" if success is None else "0" if success else "1"
    pictures = _picture(trial.result, f"{line.case}, {line.method}: {_cut(line.words)}")
    if trial.mask is not None:
        alt = f"{line.case}, {line.method}: the mask, white where it was edited"
        pictures += _picture(trial.mask, alt, MASK_SIDE)
    said = f"<b>{escape(line.method)}</b> {_verdict(success)}<br>{escape(_figures(trial, view))}"
    return _figure("trial", f' data-method="{method}" data-outcome="{outcome}"', pictures, said)


def _verdict(success: bool | None) -> str:
    said = OUTCOMES[success]
    return f'<span class="{said}">{said}</span>' if said else ""


def _figures(trial: ShownTrial, view: View) -> str:
    """Return the figures that tell most of a trial; success is said in a word."""
    figures = trial.line.figures or {}
    names = [name for name in (view.faithful, *view.preserving) if figures.get(name) is not None and name != "success"]
    columns = map(view.column, names)
    return ", ".join(f"{column.label} {number(figures[column.name])} {column.unit}".strip() for column in columns)


def _figure(kind: str, data: str, pictures: str, caption: str) -> str:
    return f'<figure class="{kind}"{data}><div>{pictures}</div><figcaption>{caption}</figcaption></figure>'


def _picture(address: str, alt: str, side: int = SIDE) -> str:
    return f'<img loading="lazy" width="{side}" height="{side}" alt="{escape(alt)}" src="{address}">'


def _said(text: str) -> str:
    return escape(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\u2026"
