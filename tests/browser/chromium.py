"""Pages in a headless browser."""

import shutil
import subprocess

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WHY_NOT = "no Chromium on this machine"

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=5000"),
)


def opened(address, folder):
    """Return the document of a page after its script has run, and the lines on the console."""
    watched = ("--enable-logging=stderr", f"--user-data-dir={folder}", "--dump-dom")
    command = [CHROMIUM, *_QUIET, *watched, address]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
