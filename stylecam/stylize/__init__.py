"""Stylize one picture or one frame: look, governor, session pool, post-processing."""
