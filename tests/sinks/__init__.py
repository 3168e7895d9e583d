"""Tests of stylecam.sinks."""
