"""What people touch: the editor, recipes, and the command line."""
