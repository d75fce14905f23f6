"""What the tests of the console's page look at: the same few places, by the names the page gives them."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Locator, Page

from tests.console.page.fake import Fake

#: Drop files on the page: [[name, base64], ...].
DROP = """(files) => {
  const transfer = new DataTransfer();
  for (const [name, body] of files) {
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""


def open_list(page: Page, fake: Fake, query: str = "") -> Locator:
    """Open the list and wait until it has been read; its rows."""
    page.goto(f"{fake.url}/{query}")
    page.locator("[data-part=rows] tr, [data-part=empty] h2:visible").first.wait_for()
    page.locator("[data-chip=stack]").wait_for()
    return page.locator("[data-part=rows] tr")


def open_execution(page: Page, fake: Fake, one: dict[str, Any], more: str = "") -> None:
    page.goto(f"{fake.url}/?execution={one['name']}{more}")
    page.locator("#panel > *").wait_for()
    page.locator("[data-chip=stack]").wait_for()


def box(page: Page, name: str) -> Locator:
    return page.locator(f'[data-part=graph] [data-state="{name}"]')


def status(page: Page) -> Locator:
    return page.locator(".top .badge")


def drop(page: Page, files: dict[str, bytes]) -> None:
    page.evaluate(DROP, [[name, base64.b64encode(body).decode()] for name, body in files.items()])


def upload_row(page: Page, name: str) -> Locator:
    return page.locator("[data-part=upload-rows] li").filter(has=page.get_by_text(name, exact=True))
