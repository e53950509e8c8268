"""Folders of photos with what is to be done to each."""
