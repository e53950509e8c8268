"""Backbones behind one contract: what there is, how it is loaded, and what a photo editor needs to know about it."""
