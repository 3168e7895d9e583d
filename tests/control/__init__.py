"""Tests of stylecam.control."""
