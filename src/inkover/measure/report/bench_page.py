"""The report of a run as one page of HTML that holds all of it; nothing is fetched, and no script is needed to read it.

The page forbids what it does not need by a Content-Security-Policy: its style and its script are named by their hashes.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from inkover.measure.html import BASE
from inkover.measure.report import bench_gallery, bench_page_tables
from inkover.measure.report.bench_pictures import Gallery
from inkover.measure.report.scatter import Axis, Drawing, Point, scatter
from inkover.measure.runs import intervals, summary
from inkover.measure.runs.columns import Column, View
from inkover.measure.runs.intervals import Interval
from inkover.measure.runs.papers import Published
from inkover.measure.runs.summary import Group

NAMED = 12
"""How many broken cases are named for each reason."""

REASONS, LETTERS = 200, 500
"""How many reasons are told, and how many letters of each."""

LEVEL = f"{100 * intervals.LEVEL:.0f} %"
UNITS = {"": "", "%": ", %", "dB": ", dB"}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page tells of a run."""

    groups: Sequence[Group]
    view: View
    methods: Sequence[str]  # those put to the test; others stand beside them
    gallery: Gallery
    papers: Sequence[Published]
    told: Mapping[str, Any]  # as report.json has it: reasons, warnings, what broke, settings, versions
    command: str  # that makes the same run in another folder

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return what decides the result."""
        settings: Mapping[str, Any] = self.told["settings"]
        return settings

    @property
    def made(self) -> list[Group]:
        """Return the methods over all kinds of edit, those of which some edit did not break."""
        return [group for group in summary.overall(self.groups) if group.cases and group.method in self.methods]


def page(report: Report) -> bytes:
    """Return the page, UTF-8."""
    return "\n".join(_lines(report)).encode("utf-8", "backslashreplace")  # a file's name may hold any bytes


def _lines(report: Report) -> Iterator[str]:
    own, script = (Path(__file__).with_name(f"bench_page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    style = BASE + own
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}"
    heading = escape(f"inkover bench {report.settings['dataset']}")
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f"<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}; base-uri 'none'; form-action 'none'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
    yield f"<title>{heading}</title>\n<style>{style}</style>\n</head>\n<body>"
    yield f'<header>\n<h1>{heading}</h1>\n<p class="about">{escape(_about(report))}</p>\n</header>\n<main>'
    if report.made:
        yield from _measured(report)
    else:
        yield "<p>No edit was made, so that nothing is measured: see What broke.</p>"
    if report.told["warnings"]:
        yield from _section("warnings", "Warnings", _messages(report.told["warnings"]))
    yield from _section("broken", "What broke", _messages(report.told["broken"]))
    yield from _section("run", "The run", _run(report))
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _measured(report: Report) -> Iterator[str]:
    """Yield the sections that tell of edits which did not break."""
    yield from _section("measures", "Methods by measures", _measures(report))
    yield from _section("scatter", "Faithfulness against preservation", _scatters(report))
    yield from _section("kinds", "By kind of edit", _kinds(report))
    yield from _section("cost", "What a case costs", _cost(report))
    if report.papers:
        yield from _section("papers", "Numbers from papers", _papers(report))
    yield from _section("pictures", "Pictures", _pictures(report))


def _hash(text: str) -> str:
    """Return how a policy names what stands in an element."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _section(name: str, heading: str, lines: Iterable[str]) -> Iterator[str]:
    yield f'<section id="{name}" aria-labelledby="{name}-heading">\n<h2 id="{name}-heading">{escape(heading)}</h2>'
    yield from lines
    yield "</section>"


def _about(report: Report) -> str:
    model, methods = report.settings["model"], len(report.methods)
    cases = max((group.cases + group.broken for group in summary.overall(report.groups)), default=0)
    return (
        f"{methods} method{'' if methods == 1 else 's'}, {cases} case{'' if cases == 1 else 's'}, "
        f"model {model['name']} ({model['hash'][:12]}), {model['device']}, {model['dtype']}, "
        f"seed {report.settings['seed']}"
    )


def _measures(report: Report) -> Iterator[str]:
    yield from bench_page_tables.measures(report.groups, report.view, report.methods)
    cases = min(group.cases for group in report.made)
    if cases < intervals.FEW:
        yield (
            f'<p class="warning">These are few cases ({cases}): intervals of so few are too narrow, and nothing is '
            f"marked as the best below {intervals.FEW}.</p>"
        )
    yield (
        f'<p class="note">Each number is the mean over the cases, in brackets its {LEVEL} interval by '
        f"percentile bootstrap: {intervals.RESAMPLES:,} times, cases are drawn with replacement, as many as there are "
        f"(seed {intervals.SEED}), and {LEVEL} of the means lie between the bounds. Proportions are done the same way; "
        "where all cases agree the interval has no width, and says less than it seems. The interval is about "
        "other cases of this kind, not about other seeds of the noise.</p>"
    )
    yield (
        '<p class="note">A value is <span class="best">marked</span> where it is the best and its interval has nothing '
        "in common with that of any other method. All methods had the same cases, so that two whose intervals overlap "
        "may still differ. (n): so many cases have no such number, or an infinite one, and are left out.</p>"
    )
    told = "".join(
        f"<dt>{escape(column.label)}</dt><dd>{escape(column.says)}</dd>"
        for column in bench_page_tables.measured(report.groups, report.view)
    )
    yield f"<details><summary>the measures in words</summary><dl>{told}</dl></details>"
    yield from _reasons(report)


def _reasons(report: Report) -> Iterator[str]:
    """Yield why edits have no number of a measure, how many they are, and of which."""
    label = {column.name: column.label for column in report.view.columns}
    said = "".join(
        f'<dt>{escape(message)} <span class="left">({count})</span></dt>'
        f"<dd>{escape(', '.join(label[name] for name in measures))}</dd>"
        for (message, count), measures in summary.reasons(report.told["reasons"], report.methods).items()
    )
    if said:
        yield f"<details><summary>why edits have no number of a measure</summary><dl>{said}</dl></details>"


def _scatters(report: Report) -> Iterator[str]:
    """Yield a picture for each measure of preservation that the run has, and what would give those that it has not."""
    known = {name for group in report.made for name, found in group.means.items() if found.value is not None}
    drawn = 0
    for name in report.view.preserving if report.view.faithful in known else ():
        drawing = _scatter(report, report.view.column(name)) if name in known else None
        if drawing is None:
            continue
        drawn += 1
        beyond = f" No room for the names of: {', '.join(drawing.unnamed)}." if drawing.unnamed else ""
        said = f"Whiskers: {LEVEL} intervals.{beyond}"
        yield f'<figure class="chart">{drawing.svg}<figcaption>{escape(said)}</figcaption></figure>'
    yield from _lacking(report, known, drawn)


def _scatter(report: Report, column: Column) -> Drawing | None:
    view, found = report.view, summary.overall(report.groups)
    upward = view.column(view.faithful)
    points = [
        Point(group.method, _shown(group.means[column.name], column), _shown(group.means[upward.name], upward))
        for group in found
        if group.method in report.methods
    ]
    return scatter(points, _axis(column), _axis(upward))


def _lacking(report: Report, known: set[str], drawn: int) -> Iterator[str]:
    """Yield what a picture would need, where there is none."""
    if drawn:
        return
    view = report.view
    if view.faithful not in known:
        label, way = view.column(view.faithful).label, _giving(report, view.faithful)
        yield f"<p>No picture without {escape(label)}: {escape(way)}.</p>"
    if not known & {*view.preserving}:
        ways = "; or ".join(f"{view.column(name).label}: {_giving(report, name)}" for name in view.preserving)
        yield f"<p>No picture without a measure of what stayed. {escape(ways)}.</p>"
    elif view.faithful in known:
        yield "<p>No picture: no method has a finite number for both.</p>"


def _giving(report: Report, name: str) -> str:
    """Return why no edit has a number of a measure where it was measured, and what gives it where it was not."""
    why = [one["message"] for one in report.told["reasons"] if one["measure"] == name]
    lacking = report.view.lacking
    return why[0] if why else f"run again with {lacking[name]}" if name in lacking else "no edit has it"


def _axis(column: Column) -> Axis:
    return Axis(f"{column.label}{UNITS[column.unit]}", column.better)


def _shown(found: Interval, column: Column) -> Interval:
    """Return an interval in the unit in which it is shown."""
    times = 100 if column.unit == "%" else 1
    value, lower, upper = (None if end is None else times * end for end in (found.value, found.lower, found.upper))
    return Interval(value, lower, upper, found.cases)


def _kinds(report: Report) -> Iterator[str]:
    column = next(
        (one for one in bench_page_tables.measured(report.groups, report.view) if one.name == report.view.faithful),
        None,
    )
    if column is None:
        yield from _lacking(report, {*report.view.preserving}, 0)
        return
    yield f'<p class="note">{escape(column.label)}{UNITS[column.unit]}, with how many cases in the heading.</p>'
    yield from bench_page_tables.by_kind(report.groups, column, report.methods)
    yield '<p class="note">Every measure by kind of edit is in report.csv.</p>'


def _cost(report: Report) -> Iterator[str]:
    yield from bench_page_tables.cost(report.groups, report.methods)
    yield (
        f'<p class="note">Medians over the cases with their {LEVEL} intervals, by the same bootstrap. A '
        "network sample is one picture that the network is asked about once. Seconds are without loading the model.</p>"
    )


def _papers(report: Report) -> Iterator[str]:
    yield from bench_page_tables.papers(report.papers, report.groups, report.view, report.methods)
    sources = "; ".join(dict.fromkeys(row.source for row in report.papers))
    yield (
        f'<p class="note">{escape(sources)}. Same dataset as far as layout and number of cases tell, same model by its '
        "id on the hub, same measure; steps and settings are those of the paper. Inkover lays the change over the "
        "photo, so that outside its mask nothing changes, which these methods do not do.</p>"
    )


def _pictures(report: Report) -> Iterator[str]:
    found = report.gallery
    if not found.cases:
        yield "<p>No picture was kept.</p>"
        return
    yield (
        f'<p class="note">{found.trials:,} of {found.all_trials:,} trials are shown, of {len(found.cases):,} of '
        f"{found.all_cases:,} cases, chosen evenly over the kinds of edit and their cases, with every method. Beside "
        "a result is its mask, white where it was edited; none where that is the whole photo.</p>"
    )
    yield from bench_gallery.gallery(found, report.view)


def _messages(told: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield what is told of trials, each message once for a method, with the cases that have it."""
    if not told:
        yield "<p>Nothing.</p>"
        return
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in told:
        reasons.setdefault((one["method"], one["message"]), []).append(one["case"])
    yield '<ul class="reasons">'
    for (method, message), cases in [*reasons.items()][:REASONS]:
        said = message if len(message) <= LETTERS else f"{message[: LETTERS - 1]}\u2026"
        more = f" and {len(cases) - NAMED} more" if len(cases) > NAMED else ""
        named = escape(", ".join(cases[:NAMED]) + more)
        yield f'<li><b>{escape(method)}</b>: {escape(said)} <span class="left">({len(cases)}: {named})</span></li>'
    yield "</ul>"
    if len(reasons) > REASONS:
        yield f"<p>And {len(reasons) - REASONS} more reasons, in report.json.</p>"


def _run(report: Report) -> Iterator[str]:
    yield "<p>The same run, in another folder:</p>"
    yield f'<pre tabindex="0"><code>{escape(report.command)}</code></pre>'
    settings = {name: value for name, value in report.settings.items() if name not in ("model", "knobs")}
    yield from _values("model", report.settings["model"])
    yield from _values("settings", settings)
    yield from _values("versions", report.told["versions"])
    yield "<details><summary>every knob of every method</summary>"
    for method, knobs in report.settings.get("knobs", {}).items():
        yield from _values(method, knobs)
    yield "</details>"


def _values(heading: str, values: Mapping[str, Any]) -> Iterator[str]:
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_value(value))}</dd>" for name, value in values.items())
    yield f"<h3>{escape(heading)}</h3>\n<dl>{told}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, default=str)
