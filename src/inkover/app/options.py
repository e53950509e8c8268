"""The options of the command line, each written once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from inkover.errors import InkoverError


def text(*names: str, metavar: str, help: str, needed: bool = False, kind: Callable[[str], Any] = str) -> Any:
    """Declare an option, or an argument where it has no names, whose value is refused where it is empty.

    An empty value is that of a variable which a shell does not have, and never what was meant. ``needed``: it cannot be
    left out.
    """
    name, wanted = (names[0], metavar) if names else (metavar.strip("[]"), "one")
    parser = partial(_filled, kind, name, wanted if needed else f"{wanted}, or leave it out")
    return (typer.Option if names else typer.Argument)(*names, metavar=metavar, help=help, parser=parser)


def path(*names: str, metavar: str, help: str, needed: bool = False) -> Any:
    """Declare an option or an argument as ``text`` does, for a file or a folder."""
    return text(*names, metavar=metavar, help=help, needed=needed, kind=Path)


def _filled(kind: Callable[[str], Any], name: str, wanted: str, given: str) -> Any:
    """Return what was typed as its kind; InkoverError where nothing was."""
    if not given.strip():
        raise InkoverError(f"{name} is empty: give {wanted}")
    return kind(given)


PhotoFile = Annotated[Path, path(metavar="PHOTO", help="The photo; it is never changed.", needed=True)]
To = Annotated[str | None, text("--to", metavar="TEXT", help="What the photo shall show.")]
From = Annotated[str | None, typer.Option("--from", metavar="TEXT", help="What the photo shows now.")]
Add = Annotated[list[str], text("--add", metavar="TEXT[:OPTIONS]", help="What comes; again for more. Stands for --to.")]
Remove = Annotated[
    list[str], text("--remove", metavar="TEXT[:OPTIONS]", help="What goes; again for more. Stands for --to.")
]
Change = Annotated[
    list[str],
    text("--change", metavar="'OLD -> NEW[:OPTIONS]'", help="What turns into what; again for more."),
]
MethodName = Annotated[str | None, text("--method", metavar="NAME", help="How it is done: inkover methods.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Start of the randomness.  [default: 0]")]
Grow = Annotated[float | None, typer.Option("--grow", metavar="PX", help="Widen the mask; negative narrows it.")]
Feather = Annotated[
    float | None,
    typer.Option("--feather", metavar="PX", help="Width of the mask's soft edge."),
]
Negative = Annotated[str | None, typer.Option("--negative", metavar="TEXT", help="What it shall not show.")]
Steps = Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps from noise to picture.")]
Strength = Annotated[float | None, typer.Option("--strength", metavar="R", help="How far it may depart, 0 to 1.")]
Guidance = Annotated[float | None, typer.Option("--guidance", metavar="W", help="How strongly words are followed.")]
Sampler = Annotated[str | None, text("--sampler", metavar="NAME", help="How steps are taken: ddim, dpmpp-2m ...")]
Inversion = Annotated[
    str | None, text("--inversion", metavar="NAME", help="How the photo is traced: direct, null-text ...")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Trace the photo anew, and keep no inversion.")]
Set = Annotated[list[str], text("--set", metavar="NAME=VALUE", help="Turn a knob; see inkover methods NAME.")]
PIXELS = 100_000_000
MaxPixels = Annotated[int, typer.Option("--max-pixels", metavar="N", min=1, help="Largest photo that is opened.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
Force = Annotated[bool, typer.Option("--force", help="Write over files that exist; never over the photo.")]

Before = Annotated[Path | None, path(metavar="BEFORE", help="The photo.", needed=True)]
After = Annotated[Path | None, path(metavar="AFTER", help="The edited photo, of the same size.", needed=True)]
Was = Annotated[str | None, text("--from", metavar="TEXT", help="What the photo shows.")]
ScoreMask = Annotated[Path | None, path("--mask", metavar="FILE", help="Where the edit is: white.")]
Clip = Annotated[str | None, text("--clip", metavar="FOLDER", help="A CLIP of transformers, or tabletop.")]
Photo = Annotated[Path, path(metavar="PHOTO", help="The photo.", needed=True)]
Edited = Annotated[Path, path(metavar="EDITED", help="What an edit made of it, of the same size.", needed=True)]
Recorded = Annotated[Path | None, path("--recipe", metavar="FILE", help="The edit's recipe, by --record.")]
WantedMask = Annotated[
    Path | None,
    path("--mask", metavar="FILE", help="Where the edit was to be.  [default: by the texts]"),
]
Dino = Annotated[Path | None, path("--dino", metavar="FOLDER", help="A DINO ViT of transformers.")]
Lpips = Annotated[Path | None, path("--lpips", metavar="FILE", help="torchvision's alexnet, vgg16 or squeezenet1_1.")]
Faces = Annotated[Path | None, path("--faces", metavar="FOLDER", help="YuNet and SFace of OpenCV Zoo.")]
TrueMask = Annotated[Path | None, path("--true-mask", metavar="FILE", help="Where it was to be; --mask is compared.")]
Drags = Annotated[
    list[str], text("--drag", metavar="'X,Y -> X,Y'", help="What was moved to where, in px; again for more.")
]
ListMeasures = Annotated[bool, typer.Option("--list", help="Show every measure in plain words, and what it needs.")]

Output = Annotated[
    Path | None, path("-o", "--output", metavar="FILE", help="Where to.  [default: NAME.edited.EXT beside it]")
]
MaskOutput = Annotated[
    Path, path("-o", "--output", metavar="MASK.png", help="Where the mask goes; a folder for --change.", needed=True)
]
GridOutput = Annotated[
    Path, path("-o", "--output", metavar="FILE", help="A page, grid.html, or a picture, grid.png.", needed=True)
]
PageOutput = Annotated[Path, path("-o", "--output", metavar="PAGE.html", help="Where the page goes.", needed=True)]
SaveResult = Annotated[
    Path | None, path("--save-result", metavar="FILE", help="Write the edited photo too, as edit does.")
]
Methods = Annotated[list[str], text("--methods", metavar="A,B", help="Which ones; all if not given.")]
Knob = Annotated[
    list[str], text("--knob", metavar="NAME=VALUES", help="3,5,7.5 or START:END:STEP; again for a second.")
]
Count = Annotated[int, typer.Option("--count", metavar="N", min=1, max=1000, help="Variations, with following seeds.")]
MaskFile = Annotated[
    str | None,
    text("--mask", metavar="FILE|WORDS", help="Where to edit: white, or in words: 'words(ball) and not m.png'"),
]
MaskWords = Annotated[
    str | None, text("--mask", metavar="WORDS", help="A mask in words: 'words(red ball) and not box(0,0,9,9)'")
]
SaveMask = Annotated[Path | None, path("--save-mask", metavar="FILE", help="Write the mask as used.")]
SaveOverlay = Annotated[
    Path | None, path("--save-overlay", metavar="FILE", help="Write the photo with its masks in colours.")
]
Windows = Annotated[
    bool, typer.Option("--windows", help="All of a large photo at its own size, by windows of the model's.")
]
Cleanup = Annotated[str | None, text("--cleanup", metavar="NAMES", help="In the mask: color,sharpen=0.3,denoise=0.2")]
Record = Annotated[Path | None, path("--record", metavar="FILE", help="Write the recipe of the result.")]
RecipeFile = Annotated[Path | None, path("--recipe", metavar="FILE", help="Do as a recipe says.")]
NoMark = Annotated[bool, typer.Option("--no-mark", help="Leave out the sign of an edited picture (XMP).")]


def _version(wanted: bool) -> None:
    if wanted:
        import inkover

        print(f"inkover {inkover.__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
]
Model = Annotated[str | None, text("--model", metavar="NAME|FOLDER|FILE|HUB_ID", help="See inkover models.")]
Config = Annotated[Path | None, path("--config", metavar="FOLDER", help="Configuration of a single file.")]
Device = Annotated[str | None, text("--device", metavar="NAME", help="cpu, cuda, mps.")]
Dtype = Annotated[str | None, text("--dtype", metavar="NAME", help="float32, bfloat16 or float16.")]
