"""Tests of stylecam.cli."""
