"""``inkover compare`` and ``inkover sweep``: every method on one photo, and one method over its knobs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import methods
from inkover.errors import InkoverError
from inkover.measure.runs.sweep_values import read
from small_photo import SIZE, WORDS, Outcome, ended, pixels

Command = Callable[..., Outcome]
TABLETOP = ("--clip", "tabletop")
RANGE = "strength=0.4:0.6:0.1"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny

    return tiny.tiny_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny

    return tiny.flow_folder(tmp_path_factory.mktemp("flows"), "sd3-without-t5")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path, values = tmp_path / "photo.png", np.zeros(SIZE, np.uint8)
    values[30:60, 40:80] = 255
    Image.fromarray(pixels()).save(path)
    Image.fromarray(values).save(tmp_path / "mask.png")
    Image.fromarray(values * 0).save(tmp_path / "black.png")
    Image.fromarray(values[:80, :70]).save(tmp_path / "small.png")
    return path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line here and return how it ended."""
    return partial(ended, capsys)


@pytest.fixture
def grid(said: Command, photo: Path, models: Path) -> Callable[..., dict[str, Any]]:
    """Make a grid of the small photo with the small model in few steps, and return what --json prints."""

    def call(command: str, *arguments: Any, output: str = "grid.html", model: Path = models) -> dict[str, Any]:
        where = ("-o", photo.with_name(output), "--model", model, "--device", "cpu", "--steps", 4)
        done = said(command, photo, *WORDS, *where, "--json", "--quiet", *arguments)
        assert (done.code, done.err) == (0, ""), done
        found: dict[str, Any] = json.loads(done.out)
        return found

    return call


class Balanced(HTMLParser):
    """Reads a page and fails where an element ends that did not begin last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the cells by their titles."""
    return {cell["title"]: cell for cell in found["cells"]}


def test_every_method_is_there_on_a_page_that_holds_all_of_it(grid: Command, photo: Path) -> None:
    cells = of(grid("compare", "--mask", photo.with_name("mask.png")))
    page = photo.with_name("grid.html").read_text()
    assert tuple(cells) == methods.names() and all("figures" in cell for cell in cells.values())
    for cell in cells.values():
        assert cell["figures"].keys() == {"change_inside", "change_outside", "psnr_outside"}
        assert cell["figures"]["change_outside"] == 0 and "infinite" in cell["reasons"]["psnr_outside"]
        assert cell["settings"]["steps"] == 4 and 0 < cell["mask_area"] < 1
        assert f"<h2>{cell['title']}</h2>" in page
    assert page.count('class="mask"') == len(cells) and page.count('class="shown"') == len(cells) + 1
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith("data:")
    assert "<script" not in page and "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", page))
    Balanced().feed(page)


def test_what_is_asked_of_the_network_is_what_each_method_costs(grid: Command, photo: Path) -> None:
    found = grid("compare", "--mask", photo.with_name("mask.png"), "--no-cache")
    for cell in found["cells"]:
        method = methods.get(cell["method"])
        cost = dict(method.cost(method.settings(**cell["settings"]))) | {"mask": 0}
        if cell["remembered"]:
            cost["inversion"] = 0
        if method.name != "multi-diffedit":  # it looks for a mask of its own also inside the given one
            assert cell["samples"] == cost, method.name


@pytest.mark.parametrize("cache", [(), ("--no-cache",)], ids=["cache", "no cache"])
def test_methods_that_trace_alike_share_one_tracing(grid: Command, cache: tuple[str, ...]) -> None:
    asked = ("--strength", 0.75, "--methods", "ddim,p2p,ddim", "--inversion", "ddim", *cache)
    cells = of(grid("compare", *asked))
    assert [cell["samples"]["inversion"] for cell in cells.values()] == [3, 0]
    assert [cell["remembered"] for cell in cells.values()] == [False, True]
    again = of(grid("compare", *asked, "--force"))
    assert again["ddim"]["samples"]["inversion"] == (3 if cache else 0)
    assert cells["p2p"]["figures"] == again["p2p"]["figures"]


def test_a_cache_that_is_switched_off_leaves_the_memory_of_the_command(
    grid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKOVER_CACHE_LIMIT", "0")
    cells = of(grid("compare", "--strength", 0.75, "--methods", "p2p,ddim", "--inversion", "ddim"))
    assert [cell["samples"]["inversion"] for cell in cells.values()] == [3, 0]


def test_what_is_remembered_changes_no_picture(grid: Command, said: Command, photo: Path, models: Path) -> None:
    """A cell's figures are those of an edit by itself."""
    asked = ("--strength", 0.75, "--inversion", "direct", "--no-cache")
    cell = of(grid("compare", "--methods", "masactrl,p2p", *asked))["p2p"]
    alone = said("edit", photo, *WORDS, "--model", models, "--device", "cpu", "--steps", 4, *asked, "--json",
                 "--method", "p2p", "--quiet")  # fmt: skip
    assert json.loads(alone.out)["change_inside"] == pytest.approx(cell["figures"]["change_inside"], rel=1e-5)


def test_an_option_that_a_method_lacks_is_left_out_and_said(grid: Command, photo: Path) -> None:
    cells = of(grid("compare", "--methods", "sdedit,p2p", "--inversion", "ddim"))
    assert (cells["sdedit"]["left_out"], cells["p2p"]["left_out"]) == (["--inversion"], [])
    assert "--inversion is left out: method sdedit has no such knob" in photo.with_name("grid.html").read_text()


def test_what_cannot_be_done_shows_why(grid: Command, flow: Path, photo: Path) -> None:
    cells = of(grid("compare", "--methods", "sdedit,p2p,ddpm-inversion", "--inversion", "ddpm", output="1.html"))
    assert "noise maps" in cells["p2p"]["reason"] and "figures" in cells["ddpm-inversion"]
    cells = of(grid("compare", "--methods", "sdedit,masactrl", model=flow))
    assert "cannot be steered" in cells["masactrl"]["reason"] and "figures" in cells["sdedit"]
    page = photo.with_name("grid.html").read_text()
    assert 'class="refused"' in page and "cannot be steered" in page


def test_where_nothing_can_be_made_it_is_an_error(said: Command, photo: Path, models: Path, flow: Path) -> None:
    for arguments, told in [
        (("--steps", 0), "steps 0 is out of range"),
        (("--methods", "p2p,masactrl", "--model", flow), "cannot be steered"),
        (("--methods", "sdedit,p2p", "--mask", "found"), "finds no mask"),
    ]:
        asked = ("compare", photo, *WORDS, "--model", models, "--device", "cpu", *arguments)
        done = said(*asked, "-o", photo.with_name("grid.html"))
        assert (done.code, done.out) == (2, "") and told in done.err.splitlines()[-1]
        assert not photo.with_name("grid.html").exists()


def test_what_the_user_typed_is_text_and_no_html(said: Command, models: Path, tmp_path: Path) -> None:
    photo = tmp_path / '"><img onerror=x>.png'
    Image.fromarray(pixels()).save(photo)
    words = ("--from", 'a "<b>ball</b>"', "--to", "a cube <script>alert('&')</script>")
    asked = (photo, *words, "--methods", "sdedit,p2p", "--steps", 2, "--model", models, "--device", "cpu")
    assert said("compare", *asked, "-o", tmp_path / "grid.html", "--quiet").code == 0
    page = (tmp_path / "grid.html").read_text()
    assert "<script" not in page and "<b>" not in page and "<img onerror" not in page
    assert page.count("&lt;script&gt;") > 3 and "<title>a &quot;&lt;b&gt;" in page
    assert set(re.findall(r"<img (\w+)=", page)) == {"class"}


def test_a_sheet_is_a_picture(grid: Command, photo: Path, models: Path) -> None:
    found = grid("compare", "--methods", "diffedit,sdedit,p2p,ddim,masactrl", "--inversion", "ddim", output="grid.PNG")
    assert found["output"].endswith("grid.PNG") and "masactrl" in of(found)
    with Image.open(photo.with_name("grid.PNG")) as sheet:
        sheet.load()
        assert sheet.format == "PNG" and sheet.width > 3 * 250 and sheet.height > 2 * 250


def test_clip_looks_where_it_is_given(grid: Command) -> None:
    found = grid("compare", "--methods", "sdedit", *TABLETOP)
    figures = found["cells"][0]["figures"]
    assert found["clip"] == "tabletop" and 0 <= figures["clip"] <= 100 and -1 <= figures["clip_direction"] <= 1


def test_a_sweep_is_a_grid_of_both_knobs(grid: Command, photo: Path) -> None:
    found = grid("sweep", "--knob", "guidance=3,7.5", "--knob", RANGE, "--method", "sdedit")
    assert [cell["knobs"] for cell in found["cells"]] == [
        {"strength": strength, "guidance": guidance} for strength in (0.4, 0.5, 0.6) for guidance in (3.0, 7.5)
    ]
    assert list(of(found))[:2] == ["strength 0.4, guidance 3", "strength 0.4, guidance 7.5"]
    assert len({cell["figures"]["change_inside"] for cell in found["cells"]}) > 3
    assert "--across: 2" in photo.with_name("grid.html").read_text()


@pytest.mark.parametrize("cache", [(), ("--no-cache",)], ids=["cache", "no cache"])
def test_a_sweep_traces_the_photo_once_where_the_knob_has_no_part_in_it(grid: Command, cache: tuple[str, ...]) -> None:
    traced = [
        [cell["samples"]["inversion"] for cell in grid("sweep", "--knob", knob, *asked, *cache, "--force")["cells"]]
        for knob, asked in (
            ("guidance=2,3,4", ("--method", "ddim", "--strength", 0.75)),
            ("strength=0.5,1", ("--method", "ddim")),
        )
    ]
    assert traced == [[3, 0, 0], [2, 4]]


def test_a_value_that_is_refused_shows_why(grid: Command) -> None:
    cells = of(grid("sweep", "--knob", "strength=0.5,1.5", "--method", "sdedit", output="grid.png"))
    assert "figures" in cells["strength 0.5"] and "out of range" in cells["strength 1.5"]["reason"]


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("strength=0.4:0.9:0.1", "0.4 0.5 0.6 0.7 0.8 0.9"),
        ("strength=0.4:0.95:0.1", "0.4 0.5 0.6 0.7 0.8 0.9"),
        ("strength=0:1:0.25", "0 0.25 0.5 0.75 1"),
        ("strength=0.9:0.7:-0.1", "0.9 0.8 0.7"),
        ("guidance=3, 5,7.5", "3 5 7.5"),
        ("guidance=1,5:15:5", "1 5 10 15"),
        ("steps=10:30:10", "10 20 30"),
        ("sampler=ddim,euler", "ddim euler"),
        ("guidance_from=0.5:0.5:1", "0.5"),
        ("guidance-from=0.1", "0.1"),
    ],
)
def test_values_read_as_they_were_typed(typed: str, texts: str) -> None:
    swept = read(methods.get("sdedit"), typed, 100)
    assert [step.text for step in swept.steps] == texts.split()
    assert all(str(step.value) == step.text or float(step.text) == step.value for step in swept.steps)


@pytest.mark.parametrize(
    "typed",
    ["strength=1:0:0.1", "strength=0:1:0", "strength=0:1", "strength=0:nan:1", "strength=0:1:1e-9", "strength=,",
     "strength=a:b:c", "strength=0:1:1:1", "strength=0:1e999999999:1", "strength=inf:1:1", "strength=0:0:0"],
)  # fmt: skip
def test_a_range_that_is_none_is_one_line(typed: str) -> None:
    with pytest.raises(InkoverError, match="--knob strength"):
        read(methods.get("sdedit"), typed, 100)


BOTH: list[tuple[tuple[str, ...], str]] = [
    (("-o", "{folder}/grid.jpg"), "write -o {folder}/grid.html"),
    (("-o", "{folder}/grid"), "neither .html"),
    (("-o", "{photo}", "--force"), "in use as another file"),
    (("-o", "{folder}/mask.png", "--mask", "{folder}/mask.png", "--force"), "in use as another file"),
    (("-o", "{folder}/mask.png", "--mask", "not {folder}/mask.png", "--force"), "in use as another file"),
    (("-o", "{folder}/black.png"), "add --force"),
    (("-o", "{folder}/gone/grid.html"), "there is no folder"),
    (("-o", "{folder}/grid.html", "--to", ""), "--to is empty"),
    (("-o", "{folder}/grid.html", "--to", "a red ball"), "nothing to do"),
    (("-o", "{folder}/grid.html", "--seed", "-1"), "the seed is -1"),
    (("-o", "{folder}/grid.html", "--mask", "{folder}/black.png"), "the mask is empty"),
    (("-o", "{folder}/grid.html", "--mask", "{folder}/small.png"), "resize the mask"),
    (("-o", "{folder}/grid.html", "--mask", "{folder}/gone.png"), "no such file"),
    (("-o", "{folder}/grid.html", "--clip", "{folder}/gone"), "is not there"),
    (("-o", "{folder}/grid.html", "--clip", ""), "--clip is empty"),
    (("-o", "{folder}/grid.html", "--max-pixels", "100"), "max-pixels"),
    (("-o", "{folder}/grid.html", "--steps", "0"), "steps 0 is out of range"),
    (("-o", "{folder}/grid.html", "--model", "{folder}/gone"), "no such model"),
]
COMPARE = [
    (("-o", "{folder}/grid.html", "--methods", "difedit"), "did you mean 'diffedit'"),
    (("-o", "{folder}/grid.html", "--methods", ","), "--methods names none"),
    (("-o", "{folder}/grid.html", "--methods", "sdedit,ddim", "--inversion", "ddim"), "--inversion has no effect"),
    ((), "output"),
]
SWEEP = [
    (("-o", "{folder}/grid.html", "--knob", "strenght=0.4"), "did you mean 'strength'"),
    (("-o", "{folder}/grid.html", "--knob", "guidance=3", "--knob", "steps=4"), "a grid has two sides"),
    (("-o", "{folder}/grid.html", "--knob", "guidance=1:50:0.5"), "a grid of 297 cells, and 100 are the most"),
    (("-o", "{folder}/grid.html", "--knob", "strength=0.1"), "is given twice"),
    (("-o", "{folder}/grid.html", "--knob", "guidance"), "has no values"),
    (("-o", "{folder}/grid.html", "--knob", "guidance=3,3.0"), "has 3.0 twice"),
    (("-o", "{folder}/grid.html", "--knob", "guidance=many"), "is not a number"),
    (("-o", "{folder}/grid.html", "--set", "strength=0.4"), "both turned, by --knob, and set"),
    (("-o", "{folder}/grid.html", "--set", "steps=4", "--steps", "5"), "are both given"),
    (("-o", "{folder}/grid.html", "--set", "speed=4"), "no setting 'speed'"),
    (("-o", "{folder}/grid.html", "--method", "p2pp"), "did you mean 'p2p'"),
]


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [*(("compare", *one) for one in BOTH + COMPARE), *(("sweep", *one) for one in BOTH + SWEEP)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_is_one_line_and_nothing_is_written(
    command: str, arguments: tuple[str, ...], told: str, said: Command, photo: Path
) -> None:
    folder = photo.parent
    before = {path: path.read_bytes() for path in folder.iterdir()}
    knob = ("--knob", RANGE) if command == "sweep" else ()
    filled = [argument.format(photo=photo, folder=folder) for argument in arguments]
    done = said(command, photo, *WORDS, *knob, *filled)
    assert (done.code, done.out) == (2, ""), done
    assert told.format(folder=folder) in done.err and done.err.count("\n") == 1, done.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_sweep_without_a_knob_says_what_to_type(said: Command, photo: Path) -> None:
    done = said("sweep", photo, *WORDS, "-o", photo.with_name("grid.html"))
    assert done.code == 2 and "--knob strength=0.4:0.9:0.1" in done.err


def test_people_see_a_line_and_a_note_of_what_was_refused(said: Command, photo: Path, models: Path) -> None:
    output = photo.with_name("grid.html")
    asked = ("--methods", "sdedit,p2p,ddpm-inversion", "--inversion", "ddpm", "--steps", 2, "--model", models)
    done = said("compare", photo, *WORDS, *asked, "--device", "cpu", "-o", output)
    assert done.code == 0 and done.out.startswith(f"{output}  (2 of 3 made, seed 0, ")
    assert done.err.startswith("inkover: note: p2p: inversion 'ddpm' gives noise maps") and done.err.count("\n") == 1
    assert "inkover compare" in output.read_text() and "--inversion ddpm" in output.read_text()
