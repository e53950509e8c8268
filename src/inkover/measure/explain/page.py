"""The page as HTML that holds all of it: no script, and nothing that is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from inkover.measure.explain.contents import Block, Figure, Page, Section, Shown, Table
from inkover.measure.html import BASE, address

QUALITY = 85
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

STYLE = BASE + """
h2 { margin: 0 0 .5rem; font-size: 1.25rem; }
h3 { margin: 1.4rem 0 .3rem; font-size: 1rem; overflow-wrap: anywhere; }
section { margin: 2.25rem 0 0; padding-top: 1.5rem; border-top: 1px solid var(--line); }
section > p, .group > p { max-width: 46rem; }
.figures { display: grid; gap: .8rem; margin: .8rem 0 0; align-items: start; }
.small { grid-template-columns: repeat(auto-fill, minmax(min(46%, 9.5rem), 1fr)); }
.middle { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 22rem)); }
.large { grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
figure img { display: block; width: 100%; height: auto; }
figure img + img { border-top: 2px solid var(--back); }
figcaption { padding: .5rem .6rem; font-size: .85rem; overflow-wrap: anywhere; }
figcaption p { margin: .15rem 0 0; color: var(--soft); }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: .2em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: normal; }
td:last-child { max-width: 44rem; overflow-wrap: anywhere; }
details { margin-top: .8rem; color: inherit; font-size: inherit; }
summary { cursor: pointer; }
.slider { position: relative; max-width: 40rem; margin-top: .6rem; container-type: inline-size; }
.slider > img { display: block; width: 100%; height: auto; }
.over { position: absolute; top: 0; left: 0; width: 50%; height: 100%; min-width: 1rem; max-width: 100%;
  overflow: hidden; resize: horizontal; border-right: 2px solid #fff; }
.over img { display: block; width: 100cqw; max-width: none; height: auto; }
"""  # fmt: skip


def page(shown: Page) -> bytes:
    """Return the page, UTF-8."""
    return "\n".join(_lines(shown)).encode("utf-8", "backslashreplace")  # a file's name may hold any bytes


def _lines(shown: Page) -> Iterator[str]:
    heading = escape(shown.title)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">'
    yield f"<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    yield f'<header>\n<h1>{heading}</h1>\n<p class="about">{escape(shown.about)}</p>\n</header>\n<main>'
    for section in shown.sections:
        yield from _section(section)
    yield "</main>\n<footer>\n<section>\n<h2>Make it again</h2>"
    yield f"<p><code>{escape(shown.command)}</code></p>\n</section>\n</footer>"
    yield "</body>\n</html>\n"


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(section.title)}</h2>"
    yield from _said(section.says)
    for block in section.blocks:
        yield from _folded(block) if block.folded else _open(block)
    yield "</section>"


def _open(block: Block) -> Iterator[str]:
    yield '<div class="group">'
    if block.title:
        yield f"<h3>{escape(block.title)}</h3>"
    yield from _inside(block)
    yield "</div>"


def _folded(block: Block) -> Iterator[str]:
    yield f'<details class="group"><summary>{escape(block.title)}</summary>'
    yield from _inside(block)
    yield "</details>"


def _inside(block: Block) -> Iterator[str]:
    yield from _said(block.says)
    if block.figures:
        yield f'<div class="figures {block.size}">'
        for figure in block.figures:
            yield from _figure(figure)
        yield "</div>"
    if block.table is not None:
        yield from _table(block.table)
    if block.slider is not None:
        left, right = block.slider
        yield f'<div class="slider">{_image(right)}<div class="over">{_image(left)}</div></div>'


def _said(lines: tuple[str, ...]) -> Iterator[str]:
    for line in lines:
        yield f"<p>{escape(line)}</p>"


def _figure(figure: Figure) -> Iterator[str]:
    yield f"<figure>{''.join(_image(one) for one in figure.pictures)}<figcaption>"
    mark = "" if figure.colour is None else f'<span class="swatch" style="background: rgb{figure.colour}"></span>'
    yield f"{mark}<strong>{escape(figure.title)}</strong>"
    yield from _said(figure.says)
    yield "</figcaption></figure>"


def _image(one: Shown) -> str:
    height, width = one.picture.shape[:2]
    held = f'src="{address(one.picture, QUALITY)}" width="{width}" height="{height}"'
    return f'<img {held} alt="{escape(one.alt)}">'


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    if any(table.head):
        yield f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in table.head)}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table></div>"
