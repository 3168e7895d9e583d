"""Commands and where they come from: the queue that applies them, the keyboard, the HTTP server and OBS."""
