"""The real programs that people use with stylecam: OBS Studio, browsers, players and desktops.

`python -m tests.end_to_end.clients` starts all of them. A program that is not installed is skipped with the reason.
"""
