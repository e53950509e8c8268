"""The embedded world: scenes of objects on a table top, rendered with captions, masks and exact edits; its model."""

from pathlib import Path


def folder() -> Path:
    """Return the folder of the embedded model, in the layout of diffusers."""
    return Path(__file__).parent / "weights"
