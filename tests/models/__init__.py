"""Tests of stylecam.models."""
