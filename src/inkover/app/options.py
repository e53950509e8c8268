"""The options of the command line, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PhotoFile = Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo; it is never changed.")]
To = Annotated[str | None, typer.Option("--to", metavar="TEXT", help="What the photo shall show.")]
From = Annotated[str, typer.Option("--from", metavar="TEXT", help="What the photo shows now.")]
Add = Annotated[
    list[str], typer.Option("--add", metavar="TEXT[:OPTIONS]", help="What comes; again for more. Stands for --to.")
]
Remove = Annotated[
    list[str], typer.Option("--remove", metavar="TEXT[:OPTIONS]", help="What goes; again for more. Stands for --to.")
]
Change = Annotated[
    list[str],
    typer.Option("--change", metavar="'OLD -> NEW[:OPTIONS]'", help="What turns into what; again for more."),
]
MethodName = Annotated[str | None, typer.Option("--method", metavar="NAME", help="How it is done: inkover methods.")]
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
Sampler = Annotated[
    str | None, typer.Option("--sampler", metavar="NAME", help="How steps are taken: ddim, dpmpp-2m ...")
]
Inversion = Annotated[
    str | None, typer.Option("--inversion", metavar="NAME", help="How the photo is traced: direct, null-text ...")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Trace the photo anew, and keep no inversion.")]
Set = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Turn a knob; see inkover methods NAME.")]
PIXELS = 100_000_000
MaxPixels = Annotated[int, typer.Option("--max-pixels", metavar="N", min=1, help="Largest photo that is opened.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
Force = Annotated[bool, typer.Option("--force", help="Write over files that exist; never over the photo.")]

Before = Annotated[Path | None, typer.Argument(metavar="BEFORE", help="The photo.")]
After = Annotated[Path | None, typer.Argument(metavar="AFTER", help="The edited photo, of the same size.")]
Was = Annotated[str | None, typer.Option("--from", metavar="TEXT", help="What the photo shows.")]
ScoreMask = Annotated[Path | None, typer.Option("--mask", metavar="FILE", help="Where the edit is: white.")]
Clip = Annotated[str | None, typer.Option("--clip", metavar="FOLDER", help="A CLIP of transformers, or tabletop.")]
Photo = Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.")]
Edited = Annotated[Path, typer.Argument(metavar="EDITED", help="What an edit made of it, of the same size.")]
Recorded = Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="The edit's recipe, by --record.")]
WantedMask = Annotated[
    Path | None,
    typer.Option("--mask", metavar="FILE", help="Where the edit was to be.  [default: by the texts]"),
]
Dino = Annotated[Path | None, typer.Option("--dino", metavar="FOLDER", help="A DINO ViT of transformers.")]
Lpips = Annotated[
    Path | None, typer.Option("--lpips", metavar="FILE", help="torchvision's alexnet, vgg16 or squeezenet1_1.")
]
Faces = Annotated[Path | None, typer.Option("--faces", metavar="FOLDER", help="YuNet and SFace of OpenCV Zoo.")]
TrueMask = Annotated[
    Path | None, typer.Option("--true-mask", metavar="FILE", help="Where it was to be; --mask is compared.")
]
Drags = Annotated[
    list[str], typer.Option("--drag", metavar="'X,Y -> X,Y'", help="What was moved to where, in px; again for more.")
]
ListMeasures = Annotated[bool, typer.Option("--list", help="Show every measure in plain words, and what it needs.")]

Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to.  [default: NAME.edited.EXT beside it]")
]
MaskOutput = Annotated[
    Path, typer.Option("-o", "--output", metavar="MASK.png", help="Where the mask goes; a folder for --change.")
]
GridOutput = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="A page, grid.html, or a picture, grid.png.")
]
PageOutput = Annotated[Path, typer.Option("-o", "--output", metavar="PAGE.html", help="Where the page goes.")]
SaveResult = Annotated[
    Path | None, typer.Option("--save-result", metavar="FILE", help="Write the edited photo too, as edit does.")
]
Methods = Annotated[list[str], typer.Option("--methods", metavar="A,B", help="Which ones; all if not given.")]
Knob = Annotated[
    list[str], typer.Option("--knob", metavar="NAME=VALUES", help="3,5,7.5 or START:END:STEP; again for a second.")
]
Count = Annotated[int, typer.Option("--count", metavar="N", min=1, help="Variations, with following seeds.")]
MaskFile = Annotated[
    str | None,
    typer.Option("--mask", metavar="FILE|WORDS", help="Where to edit: white, or in words: 'words(ball) and not m.png'"),
]
MaskWords = Annotated[
    str | None, typer.Option("--mask", metavar="WORDS", help="A mask in words: 'words(red ball) and not box(0,0,9,9)'")
]
SaveMask = Annotated[Path | None, typer.Option("--save-mask", metavar="FILE", help="Write the mask as used.")]
SaveOverlay = Annotated[
    Path | None, typer.Option("--save-overlay", metavar="FILE", help="Write the photo with its masks in colours.")
]
Windows = Annotated[
    bool, typer.Option("--windows", help="All of a large photo at its own size, by windows of the model's.")
]
Cleanup = Annotated[
    str | None, typer.Option("--cleanup", metavar="...", help="In the mask: color,sharpen=0.3,denoise=0.2")
]
Record = Annotated[Path | None, typer.Option("--record", metavar="FILE", help="Write the recipe of the result.")]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="Do as a recipe says.")]
NoMark = Annotated[bool, typer.Option("--no-mark", help="Leave out the sign of an edited picture (XMP).")]


def _version(wanted: bool) -> None:
    if wanted:
        import inkover

        print(f"inkover {inkover.__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
]
Model = Annotated[str | None, typer.Option("--model", metavar="NAME|FOLDER|FILE|HUB_ID", help="See inkover models.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FOLDER", help="Configuration of a single file.")]
Device = Annotated[str | None, typer.Option("--device", metavar="D", help="cpu, cuda, mps.")]
Dtype = Annotated[str | None, typer.Option("--dtype", metavar="T", help="float32, bfloat16 or float16.")]
