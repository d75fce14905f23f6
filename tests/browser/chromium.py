"""Chromium for tests of any room: a module says `pytest_plugins = ["tests.browser.chromium"]`, and then all of them
share one `browser`, as they must: Playwright cannot be started twice in a thread.

Debian's Chromium or $CHROMIUM. Where there is none the tests are skipped, except in CI, where that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pipeline.local.home import default_home

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


def chromium_path() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine (set CHROMIUM to its path)")
    assert path, "CI is set, and there is no Chromium to run the browser tests with"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def home() -> Path:
    return default_home()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def pictures(home: Path) -> Path:
    """Where screenshots are kept for a person to look at."""
    folder = home / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
