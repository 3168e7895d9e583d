"""Tests of stylecam.sources."""
