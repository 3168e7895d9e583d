"""Take docs/page.jpg again: the page of a stylecam that paints the demo, in a window of 1440×900.

Run it from the repository's root, on a machine that does nothing else, or its figures are those of a busy one.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

PORT, TOKEN = 8790, "a-token-of-the-picture"
RUN = [
    "run",
    "--camera",
    "demo",
    "--style",
    "great_wave",
    "--scale",
    "0.6",
    "--output",
    f"web:{PORT}",
    "--token",
    TOKEN,
    "--no-open",
]
START_MS, SETTLE_MS = 60_000, 12_000
IN_SIGHT = 8
"""Paintings of the gallery that the window shows."""


def main() -> None:
    """Start stylecam, wait until the gallery is painted, and take the picture."""
    program = subprocess.Popen([sys.executable, "-m", "stylecam", *RUN, "--no-hotkeys"], stdin=subprocess.DEVNULL)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            context = browser.new_context(
                viewport={"width": 1440, "height": 900}, color_scheme="dark", locale="en-US", reduced_motion="reduce"
            )
            page = context.new_page()
            page.set_default_timeout(START_MS)
            page.add_init_script("localStorage.setItem('stylecam-hints', 'seen')")
            for _ in range(START_MS // 500):  # until it listens
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
                    break
                time.sleep(0.5)
            page.goto(f"http://127.0.0.1:{PORT}/?token={TOKEN}", wait_until="domcontentloaded")
            page.locator(".tile img.painted").nth(IN_SIGHT - 1).wait_for()
            page.wait_for_timeout(SETTLE_MS)  # so that the curve shows something
            page.screenshot(path="docs/page.jpg", type="jpeg", quality=85)
            browser.close()
    finally:
        program.terminate()
        program.wait()


if __name__ == "__main__":
    main()
