"""Tests of stylecam.finish."""
