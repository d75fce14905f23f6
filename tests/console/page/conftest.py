from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.watching import Complaints
from tests.console.page.fake import Fake


@pytest.fixture
def fake() -> Iterator[Fake]:
    backend = Fake()
    yield backend
    backend.stop()


@pytest.fixture
def complaints(page: Page) -> Complaints:
    """What the browser complained about since the page was made: a test that expects none says so."""
    return Complaints.of(page)
