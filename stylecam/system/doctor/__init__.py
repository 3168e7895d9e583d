"""Finds out why a camera does not appear or the picture is slow, and says what to do about it."""
