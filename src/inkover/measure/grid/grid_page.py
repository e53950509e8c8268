"""A grid as one page of HTML that holds all of it: no script, and nothing that is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from inkover.measure.grid import grid_words as words
from inkover.measure.grid.cells import Cell, Grid, Made
from inkover.measure.html import BASE, address

STYLE = (
    BASE
    + """
.grid { display: grid; gap: 1rem; margin: 1.25rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.photo { max-width: 22rem; margin: 1.25rem 0 0; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.shown { display: block; width: 100%; height: auto; }
figcaption { padding: .7rem .8rem; font-size: .9rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .7rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.mask { display: block; width: 5rem; height: auto; margin: .6rem 0 0; border: 1px solid var(--line); }
.remarks { margin: .5rem 0 0; padding-left: 1.1rem; }
.refused { border-style: dashed; }
details { margin-top: .5rem; }
summary { cursor: pointer; }
@media (min-width: 48rem) {
  .rows { overflow-x: auto; grid-template-columns: repeat(var(--across), minmax(12rem, 1fr)); }
}
"""
)


def page(grid: Grid) -> bytes:
    """Return the page, UTF-8."""
    return "\n".join(_lines(grid)).encode("utf-8", "backslashreplace")  # a file's name may hold any bytes


def _lines(grid: Grid) -> Iterator[str]:
    heading = escape(words.title(grid))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
    yield f"<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    yield f'<header>\n<h1>{heading}</h1>\n<p class="about">{escape(words.about(grid))}</p>\n</header>'
    if grid.across is None:
        yield f'<main class="grid">\n{_photo(grid, "")}'
    else:
        yield f'{_photo(grid, "photo")}\n<main class="grid rows" style="--across: {grid.across}">'
    for cell in grid.cells:
        yield from _figure(cell, grid)
    yield "</main>"
    yield f"<footer>\n<p><code>{escape(grid.command)}</code></p>\n<p>{escape(words.made_with(grid))}</p>\n</footer>"
    yield "</body>\n</html>\n"


def _photo(grid: Grid, kind: str) -> str:
    picture = f'<img class="shown" src="{address(grid.photo)}" alt="the photo: {escape(grid.source or grid.name)}">'
    says = f"<p>{escape(grid.source)}</p>" if grid.source else ""
    return f'<figure class="{kind}">\n{picture}\n<figcaption><h2>the photo</h2>{says}</figcaption>\n</figure>'


def _figure(cell: Cell, grid: Grid) -> Iterator[str]:
    heading = f"<h2>{escape(cell.asked.title)}</h2>"
    if cell.made is None:
        yield f'<figure class="refused">\n<figcaption>{heading}<p>{escape(cell.reason)}</p>'
    else:
        yield f'<figure>\n<img class="shown" src="{address(cell.made.picture)}" alt="{escape(words.alt(cell, grid))}">'
        yield f"<figcaption>{heading}"
        yield from _told(cell.made, cell.asked.title)
    told = "".join(f"<li>{escape(text)}</li>" for text in words.remarks(cell))
    yield (f'<ul class="remarks">{told}</ul>' if told else "") + "</figcaption>\n</figure>"


def _told(made: Made, title: str) -> Iterator[str]:
    """Yield the figures, the mask and the knobs of a result."""
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in words.facts(made))
    yield f"<dl>{rows}</dl>"
    if made.mask is not None:
        yield f'<img class="mask" src="{address(made.mask)}" alt="the mask of {escape(title)}">'
    yield f"<details><summary>all knobs</summary>{escape(words.settings(made))}</details>"
