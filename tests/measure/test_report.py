"""What a run leaves in its folder: intervals, the table, the page that holds all of it, and numbers from papers."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_up_run as made_up
import small_datasets as small
from inkover import methods
from inkover.app.cli import run
from inkover.measure.figures.seeing import Networks
from inkover.measure.report import bench_pictures, scatter
from inkover.measure.report.scatter import Axis, Point
from inkover.measure.runs import papers, summary
from inkover.measure.runs.columns import EXACT, GIVEN
from inkover.measure.runs.exact import Exact
from inkover.measure.runs.given import Given
from inkover.measure.runs.intervals import Interval
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.run_folder import PAGE, REPORT, TABLE
from inkover.measure.runs.runner import kept, spread
from inkover.measure.runs.scenes import Scenes
from inkover.measure.runs.trial import Line
from inkover.measure.runs.variants import Variant
from inkover.models.store import Lock, hub_folder, write_lock
from tiny import tiny_folder

METHODS, KINDS = ("diffedit", "sdedit", "p2p"), ("recolour", "replace")
VOID = ("meta", "link", "img", "input", "br", "line", "circle")


class Parsed(HTMLParser):
    """Reads a page and fails where an element ends that did not begin last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags = Counter[str]()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def parsed(page: str) -> Parsed:
    """Return a page, checked to be whole and to name nothing beyond itself."""
    found = Parsed()
    found.feed(page)
    assert not found.open
    assert all(value.startswith("data:") for name, value in found.attributes if name in ("src", "href"))
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]
    return found


def page_of(folder: Path, own: Any, lines: list[Line], settings: dict[str, Any] | None = None) -> str:
    folder.mkdir(exist_ok=True)
    made_up.written(own, Journal(folder, lines), folder, settings)
    return (folder / PAGE).read_text()


def test_a_group_is_every_method_over_each_kind_and_over_all() -> None:
    lines = made_up.lines(METHODS, KINDS, 12)
    lines[4] = Line(lines[4].case, lines[4].kind, "p2p", None, broken="no luck")
    found = summary.groups(lines, EXACT)
    names = ("untouched photo", "true edit", *METHODS)
    assert [(one.method, one.kind) for one in found] == [(m, k) for k in (*KINDS, "all") for m in names]
    by = {(one.method, one.kind): one for one in found}
    assert (by["p2p", "recolour"].cases, by["p2p", "recolour"].broken, by["p2p", "all"].cases) == (11, 1, 23)
    own = [line.figures["seconds"] for line in lines if line.method == "sdedit" and line.figures]
    both = by["sdedit", "all"]
    assert both.means["seconds"].value == pytest.approx(np.mean(own))
    assert both.medians["seconds"].value == pytest.approx(np.median(own))
    assert both.means["mask_iou"] == Interval(None, None, None, 0)


def test_what_is_infinite_is_left_out_and_counted() -> None:
    figures = ({"psnr_outside": np.inf, "success": True}, {"psnr_outside": 30.0, "success": False})
    lines = [Line(f"c{k}", "k", "m", one) for k, one in enumerate(figures)]
    means = summary.groups(lines, EXACT)[0].means
    assert (means["psnr_outside"].value, means["psnr_outside"].cases, means["success"].cases) == (30.0, 1, 2)


NUMBERS = st.none() | st.floats(-100, 100) | st.just(math.inf)
MEASURED = ("success", "psnr_changed", "ssim_changed", "psnr_outside", "mask_iou", "identity")


@given(st.lists(st.tuples(*[NUMBERS] * len(MEASURED)), min_size=1, max_size=9))
def test_a_row_and_its_interval_are_one_mean(trials: list[tuple[float | None, ...]]) -> None:
    """Finite figures have NumPy's own mean, to the bit; what is infinite is left out, and a mean of nothing is null."""
    costs = {"samples": 3, "evaluated": 2, "seconds": 0.1}
    lines = [Line(f"c{k}", "k", "m", dict(zip(MEASURED, one, strict=True)) | costs) for k, one in enumerate(trials)]
    groups = summary.groups([*lines, Line("x", "k", "m", None, broken="why"), Line("y", "j", "m", None)], EXACT)
    (row,) = Exact([], Scenes(["k"], 9)).rows(groups)
    (own,) = (group for group in groups if group.kind == "k")
    for name, values in zip(MEASURED, zip(*trials, strict=True), strict=True):
        known = [value for value in values if value is not None and math.isfinite(value)]
        assert row[name] == own.means[name].value == (float(np.mean(known)) if known else None)
        assert row["left_out"][name] == len(values) - len(known) == len(values) - own.means[name].cases
    assert (row["method"], row["edit"], row["cases"], row["samples"]) == ("m", "k", len(trials), 3)
    assert row["seconds"] == float(np.mean([0.1] * len(trials)))
    given = Given("cases", [Variant("m", "m", {}, None)], (), 0, False, Networks())
    figures = [Line(f"c{k}", "k", "m", {"mse": one[0]} | costs) for k, one in enumerate(trials)]
    (shown,) = given.rows(summary.groups(figures, GIVEN))
    assert shown["means"].get("mse") == row["success"] and shown["left_out"]["mse"] == row["left_out"]["success"]


def test_the_table_says_what_is_left_out_of_a_mean() -> None:
    lines = [Line(f"c{k}", "k", "m", {"psnr_outside": value}) for k, value in enumerate((30.0, math.inf, math.inf))]
    plan = Exact([], Scenes(["k"], 3))
    *_, told, note = plan.table(plan.rows(summary.groups(lines, EXACT)))
    assert "30.000 (2)" in told and note.startswith("(n): ")
    nowhere = [Line("c", "k", "m", {"psnr_outside": math.inf})]
    assert len(plan.table(plan.rows(summary.groups(nowhere, EXACT)))) == 2  # a heading and a row


def test_the_table_reads_back(tmp_path: Path) -> None:
    lines = made_up.lines(METHODS, KINDS, 12)
    lines += [Line("x", "replace", 'a, "b"\nstrength=0.6', None, broken="why")]
    found = made_up.written(made_up.Drawn(METHODS, KINDS, 12), Journal(tmp_path, lines), tmp_path)
    with (tmp_path / TABLE).open(newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(found["intervals"])
    for row, group in zip(read, found["intervals"], strict=True):
        assert (row["method"], row["kind"]) == (group["method"], group["kind"])
        assert (int(row["cases"]), int(row["broken"])) == (group["cases"], group["broken"])
        values = group["means"] | {f"{name}_median": value for name, value in group["medians"].items()}
        for name, value in values.items():
            for ending, key in (("", "value"), ("_lower", "lower"), ("_upper", "upper")):
                cell = row[f"{name}{ending}"]
                assert (float(cell) if cell else None) == value[key]
            assert int(row[f"{name}_cases"]) == value["cases"]
    assert json.loads((tmp_path / REPORT).read_text())["intervals"] == found["intervals"]


def test_the_command_leaves_all_three_and_again_after_resume(tmp_path: Path) -> None:
    folder, out = small.cases(tmp_path / "in"), tmp_path / "out"
    asked = ["bench", "cases", str(folder), "--methods", "sdedit", "--model", str(tiny_folder(tmp_path / "model"))]
    asked += ["--steps", "2", "--quiet", "-o", str(out)]
    assert run(asked) == 0
    before = {name: (out / name).read_bytes() for name in (REPORT, TABLE, PAGE)}
    for name in (TABLE, PAGE):
        (out / name).unlink()
    assert run([*asked, "--resume"]) == 0
    assert {name: (out / name).read_bytes() for name in before} == before  # the command line too
    page = before[PAGE].decode()
    found = parsed(page)
    assert "inkover bench cases" in page and "--resume" not in page
    assert "run again with --clip FOLDER" in page  # there is no picture of faithfulness, and why
    assert "<svg" not in page and "the true edit" in page and found.tags["article"] == 2
    assert run([*asked, "--force", "--methods", "ddim", "--cases", "1", "--edits", "nothing"]) == 2
    assert (out / PAGE).read_bytes() == before[PAGE]


@pytest.mark.parametrize("here", [".", "./", ".."])
def test_a_run_in_the_working_folder_prints_a_command_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    folder, model, inner = small.cases(tmp_path / "in", {}), tiny_folder(tmp_path / "model"), tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    asked = ["bench", "cases", str(folder), "--steps", "2", "--methods", "sdedit", "--model", str(model), "--quiet"]
    assert run([*asked, "-o", here]) == 0
    told = re.search(r"<pre[^>]*><code>inkover (.*)</code></pre>", (inner / here / PAGE).read_text())
    assert told is not None and shlex.split(unescape(told[1]))[-2:] == ["-o", "run-2"]


def test_the_command_of_a_page_makes_the_same_run_as_it_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, model = small.cases(tmp_path / "-in", {}), tmp_path / "out", tiny_folder(tmp_path / "model")
    asked = ["bench", f"-o{out}", "cases", "--steps=2", "--methods", "sdedit", "--model", str(model), "--quiet"]
    asked += ["--knob", "negative=--force", "--knob", "strength=0.5,1", "--use-mask", str(folder)]
    assert run(asked) == 0 and run([*asked, "--force"]) == 0
    (tmp_path / "out-2").mkdir()
    assert run([*asked, "--resume"]) == 0
    told = re.search(r"<pre[^>]*><code>inkover (.*)</code></pre>", (out / PAGE).read_text())
    assert told is not None
    again = shlex.split(unescape(told[1]))
    assert again[-2:] == ["-o", str(tmp_path / "out-3")] and "--resume" not in again and "--force" not in again
    assert run(again) == 0
    one, other = (json.loads((path / REPORT).read_text())["settings"] for path in (out, tmp_path / "out-3"))
    assert one == other and one["knobs"]["sdedit strength=1"]["negative"] == "--force"


def test_the_page_tells_everything_and_is_whole(tmp_path: Path) -> None:
    own = made_up.Drawn(METHODS, KINDS, 12)
    lines = made_up.lines(METHODS, KINDS, 12)
    (tmp_path / "run").mkdir()
    made = made_up.kept_journal(tmp_path / "run", own, lines, made_up.pictures(tmp_path / "drawn"))
    made.lines[7] = Line("recolour-1", "recolour", "diffedit", None, broken="too few steps")
    made_up.written(own, made, tmp_path)
    page = (tmp_path / PAGE).read_text()
    found = parsed(page)
    assert found.tags["article"] == 24 and found.tags["circle"] == len(METHODS)
    assert found.tags["img"] == sum(value == "lazy" for name, value in found.attributes if name == "loading")
    assert found.tags["img"] == 2 * 24 + 2 * (3 * 24 - 1)  # photo and truth of each case; result and mask of each trial
    assert "71 of 72 trials are shown, of 24 of 24 cases" in page
    assert "too few steps" in page and "--edits &#x27;a b&#x27;" in page and made_up.MODEL["hash"] in page
    assert "default-src 'none'" in page


def test_nothing_that_is_told_is_mark_up(tmp_path: Path) -> None:
    lines = made_up.lines(METHODS, KINDS, 3)
    for k in (1, 2):
        lines.append(Line(f"x{k}", made_up.NASTY, made_up.NASTY, lines[k].figures, made_up.NASTY, made_up.NASTY))
    lines.append(Line("x3", made_up.NASTY, made_up.NASTY, None, broken=made_up.NASTY))
    own = made_up.Drawn((*METHODS, made_up.NASTY), (*KINDS, made_up.NASTY), 3)
    settings = {"dataset": made_up.NASTY, "seed": 0, "knobs": {made_up.NASTY: {made_up.NASTY: made_up.NASTY}}}
    (shown, *_), made = made_up.pictures(tmp_path / "drawn"), Journal(tmp_path, lines)
    made.picture = lambda line: shown  # type: ignore[method-assign]  # no file can be called that
    made_up.written(own, made, tmp_path, settings)
    page = (tmp_path / PAGE).read_text()
    found = parsed(page)
    assert found.tags["script"] == 1 and "<b onclick" not in page and "&lt;b onclick" in page


def test_a_page_of_a_thousand_cases_of_every_method_is_small(tmp_path: Path) -> None:
    names, kinds = methods.names(), ("recolour", "refinish", "replace", "remove")
    own = made_up.Drawn(names, kinds, 250)
    lines = made_up.lines(names, kinds, 250)
    made = made_up.kept_journal(tmp_path, own, lines, made_up.pictures(tmp_path / "drawn", noise=True))
    made_up.written(own, made, tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert (tmp_path / PAGE).stat().st_size < 25_000_000
    told = re.search(r"([\d,]+) of 9,000 trials are shown, of ([\d,]+) of 1,000 cases", page)
    assert told is not None
    trials, cases = (int(number.replace(",", "")) for number in told.groups())
    assert page.count('<article class="case"') == cases and page.count('<figure class="trial"') == trials
    assert trials == cases * len(names) and cases >= 40
    each = Counter(re.findall(r'<article class="case" data-kind="(\d)"', page))
    assert len(each) == len(kinds) and max(each.values()) - min(each.values()) <= 1


def test_what_is_shown_is_spread_evenly_and_within_a_budget(tmp_path: Path) -> None:
    assert spread(range(10), 20) == [*range(10)] and spread(range(10), 5) == [0, 2, 4, 6, 8]
    for count in range(1, 60):
        found = spread(range(count), 7)
        gaps = {b - a for a, b in zip(found, found[1:], strict=False)}
        assert len(found) == min(7, count) and (not gaps or max(gaps) - min(gaps) <= 1)
    assert kept(range(24), 9, 9) == [*range(24)] and len(kept(range(1000), 1, 1)) == 1000
    assert len(kept(range(1000), 9, 4)) == 2000 // 36
    own, lines = made_up.Drawn(METHODS, KINDS, 10), made_up.lines(METHODS, KINDS, 10)
    made = made_up.kept_journal(tmp_path, own, lines, made_up.pictures(tmp_path / "drawn", noise=True))
    tried = [line for line in lines if line.method in METHODS]
    whole = bench_pictures.gallery(tried, made.picture)
    sizes = [case.size for case in whole.cases]
    half = bench_pictures.gallery(tried, made.picture, budget=sum(sizes) // 2)
    assert len(whole.cases) == 20 and 8 <= len(half.cases) <= 10
    assert sum(case.size for case in half.cases) <= sum(sizes) // 2
    assert Counter(case.trials[0].line.kind for case in half.cases)["replace"] >= 4


def test_the_best_is_marked_only_among_the_methods_and_among_many_cases(tmp_path: Path) -> None:
    few = page_of(tmp_path / "few", made_up.Drawn(METHODS, KINDS, 2), made_up.lines(METHODS, KINDS, 2))
    assert "These are few cases (4)" in few and 'class="best" data-v' not in few
    lines = made_up.lines(METHODS, KINDS, 100)
    many = page_of(tmp_path / "many", made_up.Drawn(METHODS, KINDS, 100), lines)
    assert "few cases" not in many
    table = many[: many.index('<section id="scatter"')]
    rows = {
        name: re.findall(r'<td class="best"', row)
        for name, row in re.findall(r'data-v="([^"]*)">[^<]*</th>(.*?)</tr>', table)
    }
    assert rows["p2p"] and not rows["true edit"]


def test_what_is_lacking_for_a_picture_is_named_by_its_option(tmp_path: Path) -> None:
    own = made_up.Drawn(METHODS, view=GIVEN)
    settings = {"dataset": "cases", "seed": 0}
    clip = [Line("c", "k", "sdedit", {"clip": 20.0, "samples": 1, "evaluated": 1, "seconds": 1.0})]
    rest = [Line("c", "k", "sdedit", {"structure": 0.1, "samples": 1, "evaluated": 1, "seconds": 1.0})]
    both = [Line("c", "k", "sdedit", {"structure": 0.1, "clip": 20.0, "samples": 1, "evaluated": 1, "seconds": 1.0})]
    without_rest, without_clip, whole = (
        page_of(tmp_path / str(k), own, lines, settings) for k, lines in enumerate((clip, rest, both))
    )
    assert "--dino FOLDER" in without_rest and "--lpips FILE" in without_rest and "<svg" not in without_rest
    assert "--clip FOLDER" in without_clip and "<svg" not in without_clip
    assert "<svg" in whole and "structure  \u2190 better" in whole and "No picture without" not in whole
    for page in (without_rest, without_clip, whole):
        parsed(page)


def test_a_run_whose_every_edit_broke_is_told_nothing_to_give(tmp_path: Path) -> None:
    """Also where one method broke beside others: its none are no few cases."""
    settings: dict[str, Any] = {"dataset": "cases", "seed": 0, "networks": {"clip": "tabletop"}}
    broken = [Line(f"c{k}", "k", "sdedit", None, broken="why") for k in range(12)]
    page = page_of(tmp_path / "all", made_up.Drawn(METHODS, view=GIVEN), broken, settings)
    assert "No edit was made" in page and "why" in page
    assert not [said for said in ("run again", "few cases", "What a case costs", "<table") if said in page]
    parsed(page)
    figures = {"clip": 20.0, "pie_psnr": None, "samples": 1, "evaluated": 1, "seconds": 1.0}
    why = {"pie_psnr": "the pictures are equal there"}
    other = [Line(f"c{k}", "k", "p2p", figures, reasons=why) for k in range(12)]
    page = page_of(tmp_path / "some", made_up.Drawn(METHODS, view=GIVEN), [*broken, *other], settings)
    assert "few cases" not in page and "PSNR: the pictures are equal there" in page and "with masks" not in page
    assert "--dino FOLDER" in page and "No edit was made" not in page
    parsed(page)


def test_names_overlap_neither_points_nor_names() -> None:
    rng = np.random.default_rng(1)
    points = [
        Point(f"method strength={k / 20}", Interval(x, x - 1, x + 1, 9), Interval(y, y - 5, y + 5, 9))
        for k, (x, y) in enumerate(rng.uniform(20, 40, (20, 2)))
    ]
    places = [(rng.uniform(100, 700), rng.uniform(40, 380)) for _ in points]
    boxes = scatter._named(points, places, [])
    known = [box for box in boxes if box is not None]
    assert len(known) >= 15
    for k, box in enumerate(known):
        assert not any(box.meets(other) for other in known[k + 1 :])
        assert not any(box.left < x < box.right and box.top < y < box.bottom for x, y in places)
    drawing = scatter.scatter(points * 20, Axis("x", "higher"), Axis("y", "higher"))
    assert drawing is not None and drawing.unnamed  # there is no room for 400
    assert (
        scatter.scatter(
            [Point("a", Interval(None, None, None, 0), points[0].y)], Axis("x", "higher"), Axis("y", "higher")
        )
        is None
    )


def test_a_point_is_where_its_values_say() -> None:
    low, high = Interval(10.0, 9.0, 11.0, 9), Interval(30.0, 28.0, 32.0, 9)
    drawing = scatter.scatter([Point("a", low, high), Point("b", high, low)], Axis("x", "higher"), Axis("y", "higher"))
    assert drawing is not None
    (ax, ay), (bx, by) = ((float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawing.svg))
    assert ax < bx and ay < by  # more is right and up, and SVG counts down
    ticks = {
        float(value): float(x)
        for x, value in re.findall(r'class="tick" x="([\d.]+)" y="418.0"[^>]*>(\d+)<', drawing.svg)
    }
    (one, at), (other, there) = list(ticks.items())[:2]
    assert ax == pytest.approx(at + (10 - one) / (other - one) * (there - at), abs=0.2)
    assert scatter.ticks(0.0, 1.0) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert scatter.ticks(-3.0, 41.0) == [0, 10, 20, 30, 40]


def pie_bench(**changes: int) -> list[Line]:
    """Return a trial of each case of PIE-Bench, or of fewer."""
    kinds = papers.PIE_BENCH | changes
    return [Line(f"{kind}-{k}", kind, "p2p", {}) for kind, count in kinds.items() for k in range(count)]


def test_numbers_of_papers_are_shown_where_dataset_model_and_measure_are_the_same() -> None:
    settings: dict[str, Any] = {"dataset": "pie-bench", "use_mask": False}
    (sd14,), sd15 = papers.SD14, papers.SD15[1]
    found = papers.comparable(settings, pie_bench(), sd14)
    assert len(found) == 9 and all("PnP" not in row.method for row in found)
    assert [row.method for row in papers.comparable(settings, pie_bench(), sd15)] == ["DDIM + PnP", "direct + PnP"]
    assert found[0].figures == {"pie_mse": pytest.approx(0.021988), "pie_psnr": 17.87, "pie_ssim": 0.7114}
    known = {column.name for column in GIVEN.columns}
    assert all(row.figures.keys() <= known for row in papers.PUBLISHED)
    broken = [*pie_bench()[1:], Line("0_random-0", "0_random", "p2p", None, broken="why")]
    for other in (
        papers.comparable(settings, pie_bench(), None),
        papers.comparable(settings, pie_bench(), "someone/else"),
        papers.comparable(settings | {"dataset": "cases"}, pie_bench(), sd14),
        papers.comparable(settings | {"dataset": "tabletop"}, pie_bench(), sd14),
        papers.comparable(settings | {"use_mask": True}, pie_bench(), sd14),
        papers.comparable(settings, pie_bench(**{"0_random": 139}), sd14),
        papers.comparable(settings, broken, sd14),
    ):
        assert not other
    assert sum(papers.PIE_BENCH.values()) == 700


def test_a_model_is_a_papers_where_its_lock_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = papers.SD14
    assert papers.got_as(name) is None and papers.got_as("tabletop") is None and papers.got_as("/no/such/model") is None
    monkeypatch.chdir(tmp_path)
    folder = hub_folder(name)
    folder.mkdir(parents=True)
    write_lock(folder, Lock(name, "0" * 40, {}))
    assert papers.got_as(name) == name
    (tmp_path / name).mkdir(parents=True)  # a folder here of that name comes first, and may be any model
    assert papers.got_as(name) is None


def test_a_page_with_numbers_of_papers_has_ours_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "got_as", lambda name: papers.SD14[0])
    lines = [
        Line(x.case, x.kind, x.method, {"pie_psnr": 25.0, "samples": 1, "evaluated": 1, "seconds": 1.0})
        for x in pie_bench()
    ]
    settings = {"dataset": "pie-bench", "seed": 0, "use_mask": False}
    page = page_of(tmp_path, made_up.Drawn(("p2p",), view=GIVEN), lines, settings)
    table = page[page.index('<section id="papers"') : page.index('<section id="pictures"')]
    assert "direct + P2P (paper)" in table and "27.2" in table and ">25<" in table and "2310.01506" in table
    assert "SSIM" not in table  # we have none of it
    parsed(page)
