"""Tests of stylecam.styles."""
