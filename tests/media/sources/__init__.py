"""Tests of stylecam.media.sources."""
