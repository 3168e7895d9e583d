"""Finish a styled picture: steady, enlarge, colour and blend it."""
