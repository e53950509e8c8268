"""The photo itself: reading it safely, its geometry, laying a change over it, and writing it with all it came with."""

from inkover.photo.atomic import write_whole
from inkover.photo.cleanup import cleanup
from inkover.photo.compose import lay
from inkover.photo.geometry import Canvas, extent
from inkover.photo.photo import LONGEST, Metadata, Photo
from inkover.photo.reading import FORMATS, read
from inkover.photo.writing import check_output, default_output, format_of, misnamed, write

__all__ = [
    "FORMATS",
    "LONGEST",
    "Canvas",
    "Metadata",
    "Photo",
    "check_output",
    "cleanup",
    "default_output",
    "extent",
    "format_of",
    "lay",
    "misnamed",
    "read",
    "write",
    "write_whole",
]
