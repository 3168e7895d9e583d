"""Pixels in and out: frames, files, cameras, sources and sinks."""
