"""The running webcam: capture, pipeline, publisher, session and its settings."""
