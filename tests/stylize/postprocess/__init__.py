"""Tests of stylecam.stylize.postprocess."""
