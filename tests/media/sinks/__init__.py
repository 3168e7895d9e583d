"""Tests of stylecam.media.sinks."""
