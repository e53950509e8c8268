"""What is measured of a photo and its edited copy."""
