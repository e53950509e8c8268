"""``inkover explain``: one edit, and a page that shows what happened in it."""
