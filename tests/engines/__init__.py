"""Tests of stylecam.engines."""
