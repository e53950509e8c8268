"""What a run leaves in its folder when it ends: report.json, report.csv, and report.html, a page of all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.measure import intervals, papers, summary
from inkover.measure.journal import Journal
from inkover.measure.run_folder import PAGE, TABLE, write_report
from inkover.measure.trial import Line
from inkover.photo.atomic import write_whole

if TYPE_CHECKING:
    from inkover.measure.plan import Plan
    from inkover.measure.summary import Group


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
        "broken": [_broken(line) for line in lines if line.figures is None],
        "samples": _samples(lines),
        "settings": dict(settings),
        "versions": dict(versions),
    }


def write(
    plan: Plan, journal: Journal, groups: Sequence[Group], report: Mapping[str, Any], command: str, folder: Path
) -> None:
    """Write the three files, each whole or not at all."""
    from inkover.measure.bench_csv import table
    from inkover.measure.bench_page import Report, page
    from inkover.measure.bench_pictures import gallery

    settings = report["settings"]
    write_report(folder, report)
    write_whole(folder / TABLE, table(groups))
    tried = [line for line in journal.lines if line.method in plan.methods]
    known = papers.comparable(settings, tried, papers.got_as(settings["model"]["name"]))
    shown = gallery(tried, journal.picture)
    told = Report(
        groups, plan.view, plan.methods, shown, known, report["broken"], settings, report["versions"], command
    )
    write_whole(folder / PAGE, page(told))


def _broken(line: Line) -> dict[str, str]:
    return {"case": line.case, "kind": line.kind, "method": line.method, "message": line.broken}


def _samples(lines: Sequence[Line]) -> dict[str, int]:
    """Return the network samples of all trials: if each had been made alone, and as many as were evaluated."""
    figures = [line.figures for line in lines if line.figures is not None]
    return {name: sum(one[key] for one in figures) for name, key in (("alone", "samples"), ("evaluated", "evaluated"))}
