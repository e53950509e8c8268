"""The pages in a real browser: their filters and tables, and that nothing goes wrong in it and nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import browser as browsers
import made_up_run as made_up
from browser import Browser
from inkover.app.cli import run
from inkover.measure.runs.run_folder import PAGE
from inkover.measure.runs.trial import Line
from small_photo import WORDS, pixels
from tiny import tiny_folder

METHODS, KINDS = ("diffedit", "sdedit", "p2p"), ("recolour", "replace")
SHOWN = "document.querySelectorAll('.trial:not([hidden])').length"
COUNT = "document.getElementById('count').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = browsers.found()
    if program is None:
        pytest.skip("no Chromium here: install the package chromium to open the pages in it")
    with browsers.started(program, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run whose words are nasty, one trial of which broke, and return its page."""
    folder = tmp_path_factory.mktemp("run")
    own, lines = made_up.Drawn(METHODS, KINDS, 12), made_up.lines(METHODS, KINDS, 12)
    lines[7] = Line("recolour-1", "recolour", "diffedit", None, broken=made_up.NASTY)
    lines = [Line(x.case, x.kind, x.method, x.figures, made_up.NASTY, x.words, x.broken) for x in lines]
    made = made_up.kept_journal(folder, own, lines, made_up.pictures(folder / "drawn"))
    made_up.written(own, made, folder)
    return folder / PAGE


@pytest.fixture
def page(browser: Browser, report: Path) -> Browser:
    browser.open(report)
    return browser


def chosen(page: Browser, name: str, text: str) -> None:
    """Choose from a menu, as a person would."""
    page.run(
        f"{{ const menu = document.getElementById('{name}');"
        f"menu.value = [...menu.options].find(one => one.text === '{text}').value;"
        "menu.dispatchEvent(new Event('input', {bubbles: true})); }"
    )


def typed(page: Browser, words: str) -> None:
    page.run("document.getElementById('words').select()")
    page.ask("Input.insertText", text=words)


def test_filters(page: Browser) -> None:
    assert page.run("document.getElementById('filters').hidden") is False
    assert page.run(SHOWN) == 71 and page.run(COUNT) == "71 of 71"
    chosen(page, "method", "diffedit")
    assert page.run(SHOWN) == 23
    assert page.run("document.querySelectorAll('.case:not([hidden])').length") == 23  # it broke on one
    chosen(page, "kind", "recolour")
    assert page.run(SHOWN) == 11 and page.run(COUNT) == "11 of 71"
    texts = "[...document.querySelectorAll('.trial:not([hidden]) b')].map(one => one.textContent)"
    assert set(page.run(texts)) == {"diffedit"}
    chosen(page, "method", "all")
    chosen(page, "outcome", "succeeded")
    good = page.run(SHOWN)
    assert page.run("document.querySelectorAll('.trial:not([hidden]) .succeeded').length") == good
    chosen(page, "outcome", "failed")
    assert 0 < good and page.run(SHOWN) == 35 - good
    chosen(page, "outcome", "all")
    typed(page, "number 7")
    assert page.run(SHOWN) == 3
    typed(page, "no such words")
    assert page.run(SHOWN) == 0 and page.run("document.getElementById('none').hidden") is False
    assert page.faults() == []


def test_tables_are_sorted_by_the_keyboard_too(page: Browser) -> None:
    first = "document.querySelector('#measures table')"
    names = f"[...{first}.tBodies[0].rows].map(row => row.cells[0].textContent)"
    values = f"[...{first}.tBodies[0].rows].map(row => row.cells[3].dataset.v)"
    before = page.run(names)
    page.run(f"{first}.tHead.rows[0].cells[3].querySelector('button').focus()")
    page.press("Enter")
    down = [float(value) for value in page.run(values)]
    assert down == sorted(down, reverse=True) and sorted(page.run(names)) == sorted(before)
    assert page.run(f"{first}.tHead.rows[0].cells[3].getAttribute('aria-sort')") == "descending"
    page.press("Enter")
    assert [float(value) for value in page.run(values)] == sorted(down)
    page.run(f"{first}.tHead.rows[0].cells[0].querySelector('button').click()")
    assert page.run(names) == sorted(before)
    page.run(f"{first}.tHead.rows[0].cells[7].querySelector('button').click()")
    assert page.faults() == []


def test_the_first_stops_of_the_keyboard_are_its_table_and_headings(page: Browser) -> None:
    stops = list[str]()
    for _ in range(3):
        page.press("Tab")
        stops.append(page.run("document.activeElement.className || document.activeElement.tagName"))
    assert stops == ["scroll", "BUTTON", "BUTTON"]


def test_the_picture_is_whole_and_its_names_do_not_overlap(page: Browser) -> None:
    names = "[...document.querySelectorAll('.scatter .name')].map(one => one.getBBox())"
    boxes = page.run(f"{names}.map(box => [box.x, box.y, box.width, box.height])")
    assert len(boxes) == len(METHODS)
    for k, (x, y, wide, tall) in enumerate(boxes):
        for left, top, w, h in boxes[k + 1 :]:
            assert x + wide <= left or left + w <= x or y + tall <= top or top + h <= y
    assert page.run("[...document.images].every(one => one.loading === 'lazy')")
    drawn = "Promise.all([...document.images].map(one => { one.loading = 'eager'; return one.decode() })).then(() => 1)"
    assert page.run(drawn) == 1
    assert page.faults() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_in_dark(scheme: str, browser: Browser, report: Path) -> None:
    """The contrast of ink, soft and coloured words with what is behind them is 4.5 at least (WCAG 2 AA)."""
    browser.open(report)
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    script = (
        "{ const style = getComputedStyle(document.documentElement), of = name => {"
        "  const pen = document.createElement('canvas').getContext('2d');"
        "  pen.fillStyle = style.getPropertyValue(name).trim(); pen.fillRect(0, 0, 1, 1);"
        "  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3); };"
        "['--ink', '--soft', '--accent', '--good', '--bad', '--back', '--card', '--mark'].map(of) }"
    )
    ink, soft, accent, good, bad, back, card, mark = map(luminance, browser.run(script))
    for word in (ink, soft, accent, good, bad):
        assert min(contrast(word, back), contrast(word, card)) >= 4.5
    assert contrast(ink, mark) >= 4.5 and (back < 0.1) == (scheme == "dark")
    assert browser.faults() == []


def luminance(colour: list[int]) -> float:
    """Return the relative luminance of an sRGB colour, as WCAG 2 has it."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in np.array(colour) / 255
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_without_a_script_all_is_there_but_the_controls(browser: Browser, report: Path, tmp_path: Path) -> None:
    """A page whose script is not the one that its policy names runs none: the refusal is seen, and the rest is read."""
    other = tmp_path / "other.html"
    other.write_text(report.read_text().replace("<script>", "<script>document.title = 'changed';"))
    browser.open(other)
    assert browser.run("document.title") == "inkover bench tabletop"
    assert browser.run("document.getElementById('filters').hidden") is True
    assert browser.run("document.querySelectorAll('.trial').length") == 71 == browser.run(SHOWN)
    assert [fault for fault in browser.faults() if "Content Security Policy" in str(fault)]


def test_what_is_wrong_in_a_page_is_seen(browser: Browser, tmp_path: Path) -> None:
    for k, wrong in enumerate(
        ("<script>nothing()</script>", "<script>console.warn(1)</script>", "<img src='gone.png'>")
    ):
        page = tmp_path / f"{k}.html"
        page.write_text(f"<!doctype html><link rel=icon href='data:,'>{wrong}")
        browser.open(page)
        assert browser.faults(), wrong


def test_a_comparison_opens_without_a_fault(browser: Browser, tmp_path: Path) -> None:
    from PIL import Image

    photo, grid = tmp_path / "photo.png", tmp_path / "grid.html"
    Image.fromarray(pixels()).save(photo)
    model = str(tiny_folder(tmp_path / "model"))
    asked = ["compare", str(photo), *WORDS, "-o", str(grid), "--methods", "sdedit,ddim", "--steps", "4"]
    assert run([*asked, "--model", model, "--quiet"]) == 0
    browser.open(grid)
    assert browser.run("document.images.length") >= 3 and browser.faults() == []
