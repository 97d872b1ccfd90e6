# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of a report as its reader has it: in the distribution's Chromium, opened from a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.page import render
from playwright.sync_api import Browser, Page, sync_playwright

Show = Callable[..., Page]

#: A phone of the smaller ones.
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser")))
    chromium = next(found, None)
    assert chromium, "there is no Chromium to open the page in; `make tools` installs it, or says how"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open the page of a report: `show(report, width=…, now=…, **of the browser)`.

    Whatever it asks for beside itself, and what it says of errors, fails the test.
    """
    file = tmp_path / "report.html"
    pages: list[Page] = []
    said: list[str] = []

    def show(report: Mapping[str, Any], now: str | None = None, **context: Any) -> Page:
        file.write_text(render(report), encoding="utf-8")
        page = browser.new_context(reduced_motion="reduce", **context).new_page()
        pages.append(page)
        page.on("request", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        if now:
            page.clock.install(time=0)
            page.clock.pause_at(now)
        page.goto(file.as_uri())
        return page

    yield show
    for page in pages:
        page.context.close()
    assert {url.partition("#")[0] for url in said} == {file.as_uri()}
