"""What a run leaves in its folder when it ends: report.json, report.csv, and report.html, a page of all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.measure.runs import intervals, papers, summary
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.run_folder import PAGE, TABLE, write_report
from inkover.measure.runs.trial import Line
from inkover.photo.atomic import write_whole

if TYPE_CHECKING:
    from inkover.measure.runs.plan import Plan
    from inkover.measure.runs.summary import Group


def document(
    plan: Plan,
    lines: Sequence[Line],
    groups: Sequence[Group],
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Return the report as plain data."""
    bootstrap = {"resamples": intervals.RESAMPLES, "level": intervals.LEVEL, "seed": intervals.SEED}
    return {
        "rows": plan.rows(groups),
        "intervals": summary.document(groups),
        "bootstrap": bootstrap,
        "broken": [_said(line, line.broken) for line in lines if line.figures is None],
        "warnings": [_said(line, warning) for line in lines for warning in line.warnings],
        "reasons": _reasons(lines, {name for group in groups for name in group.means}),
        "samples": _samples(lines),
        "settings": dict(settings),
        "versions": dict(versions),
    }


def write(
    plan: Plan, journal: Journal, groups: Sequence[Group], report: Mapping[str, Any], command: str, folder: Path
) -> None:
    """Write the three files, each whole or not at all."""
    from inkover.measure.report.bench_csv import table
    from inkover.measure.report.bench_page import Report, page
    from inkover.measure.report.bench_pictures import gallery

    settings = report["settings"]
    write_report(folder, report)
    write_whole(folder / TABLE, table(groups))
    tried = [line for line in journal.lines if line.method in plan.methods]
    known = papers.comparable(settings, tried, papers.got_as(settings["model"]["name"]))
    shown = gallery(tried, journal.picture)
    told = Report(groups, plan.view, plan.methods, shown, known, report, command)
    write_whole(folder / PAGE, page(told))


def _said(line: Line, message: str) -> dict[str, str]:
    return {"case": line.case, "kind": line.kind, "method": line.method, "message": message}


def _reasons(lines: Sequence[Line], names: Collection[str]) -> list[dict[str, Any]]:
    """Return why measures have no finite number, each reason once for a method, with how many cases have it."""
    each = ((line.method, name, why) for line in lines for name, why in line.reasons.items() if name in names)
    return [
        {"method": method, "measure": name, "message": why, "cases": count}
        for (method, name, why), count in Counter(each).items()
    ]


def _samples(lines: Sequence[Line]) -> dict[str, int]:
    """Return the network samples of all trials: if each had been made alone, and as many as were evaluated."""
    figures = [line.figures for line in lines if line.figures is not None]
    return {name: sum(one[key] for one in figures) for name, key in (("alone", "samples"), ("evaluated", "evaluated"))}
