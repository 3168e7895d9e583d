"""Helpers that know nothing about frames or styles."""
