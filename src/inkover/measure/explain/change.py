"""What came of an edit: before and after, the difference, the figures, and what all of it took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from inkover.measure.explain.contents import Aside, Block, Figure, Row, Section, Shown, Table
from inkover.measure.explain.pictures import LARGE, amplified
from inkover.measure.figures.scores import MEASURES, Pair, score, values
from inkover.measure.grid.cells import FIGURES, shown, small
from inkover.measure.grid.grid_words import LABELS, SHORT
from inkover.methods.settings import knobs

if TYPE_CHECKING:
    from inkover.app.flow import Wish
    from inkover.app.result import Result

STAGES = {
    "mask": "finding the mask",
    "inversion": "into noise",
    "edit": "back",
    "encode": "coding the photo",
    "decode": "turning codes into pictures",
    "photo": "reading, laying over",
    "load": "loading the model",
}
SLIDER = 640


def changed(wish: Wish, result: Result) -> Section:
    """Return the section of what changed."""
    before = Shown(
        shown(result.original, LARGE), f"the photo before: {wish.source}" if wish.source else "the photo before"
    )
    after = Shown(shown(result.photo, LARGE), f"the photo after: {wish.target}" if wish.target else "the photo after")
    apart, factor = amplified(result.original, result.photo, LARGE)
    told = "Black is unchanged." if apart.any() else "No pixel changed."
    stronger = f", made {factor} times as strong" if factor > 1 else ", as strong as it is"
    difference = Figure(
        (Shown(apart, f"the difference of both{stronger}"),),
        f"the difference, times {factor}",
        (f"How far each pixel moved{stronger}. {told}",),
    )
    both = Figure((before,), "before"), Figure((after,), "after"), difference
    over = Shown(small(before.picture, SLIDER), before.alt), Shown(small(after.picture, SLIDER), after.alt)
    laid = Block(
        "Lay one over the other", ("Drag the corner: left is before, right is after.",), slider=over, folded=True
    )
    remarks = (*result.warnings, *result.notes)
    return Section("What changed", remarks, (Block(figures=both, size="large"), laid, _figures(result)))


def _figures(result: Result) -> Block:
    pair = Pair(values(result.original), values(result.photo), result.mask)
    found, says = score(pair, FIGURES), {measure.name: measure.says for measure in MEASURES}
    rows = list[Row]()
    for name in FIGURES:
        value, reason = found.values[name], found.reasons.get(name, "")
        rows.append((LABELS[name], f"{value:.4g}" if value is not None else SHORT.get(reason, reason), says[name]))
    return Block("In figures", table=Table(("", "", "what it is"), tuple(rows)))


def cost(result: Result, aside: Aside, listening: bool) -> Section:
    """Return the section of what the edit took, and apart from it what the page took."""
    stages = [
        (STAGES[name], *_asked(result, name), f"{seconds:.2f}")
        for name, seconds in result.seconds.items()
        if seconds or result.samples.get(name)
    ]
    total = sum(result.samples.values()), sum(result.calls.values()), sum(result.seconds.values())
    rows = (*stages, ("the edit in all", str(total[0]), str(total[1]), f"{total[2]:.2f}"),
            ("this page, beside it", str(aside.samples), "", f"{aside.seconds:.2f}"))  # fmt: skip
    says = [
        "Most of the time goes into asking the network. A sample is one picture that it is asked about with one text; "
        "several samples can be asked about in one call.",
        f"For this page {aside.decodes} coded copies were turned into pictures, and {aside.samples} samples more were "
        "asked of the network. The edit itself asked no more than inkover edit does"
        + (", but took a little longer, because its attention was listened to." if listening else "."),
    ]
    table = Table(("stage", "samples", "calls", "seconds"), rows)
    return Section("What it took", tuple(says), (Block(table=table),))


def _asked(result: Result, stage: str) -> tuple[str, str]:
    if stage not in result.samples:
        return "", ""
    return str(result.samples[stage]), str(result.calls[stage])


def settings(wish: Wish, result: Result) -> Section:
    """Return the section of every knob, and of what else made the picture."""
    table = Table(("knob", "value", "what it does"), tuple(_knobs(wish, result)))
    record, model = result.record, result.record.model
    rows: list[Row] = [("method", f"{wish.method.name}: {wish.method.summary}"), ("paper", wish.method.paper)]
    rows += [("model", model.name), ("hash of its weights", model.hash), ("runs on", f"{model.device} {model.dtype}")]
    rows += [("seed", str(record.seed)), ("photo", f"{record.photo.file or 'pixels'}, SHA-256 {record.photo.sha256}")]
    rows += [("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items()))]
    return Section("Settings", (), (Block("What made it", table=Table(("", ""), tuple(rows))),
                                    Block("Every knob", table=table, folded=True)))  # fmt: skip


def _knobs(wish: Wish, result: Result) -> Iterator[Row]:
    given = asdict(wish.settings)
    for knob in knobs(wish.method.settings):
        yield knob.name, _plain(given[knob.name]), knob.help
    record = result.record
    yield "grow", f"{record.grow:g}", "pixels by which the mask was widened"
    yield "feather", f"{record.feather:g}", "width of the mask's soft edge in pixels, as used"
    for name, value in asdict(record.cleanup).items():
        yield f"cleanup {name}", _plain(value), "what was done to the changed part afterwards"
    yield "windows", _plain(record.windows), "whether all of the photo was worked on at its own size, by windows"
    for edit in record.edits:
        for name, value in edit.settings.items():
            yield name, _plain(value), f"of {edit.text!r} alone"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"
