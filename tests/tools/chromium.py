# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium with an empty profile that opens pages and tells what they logged and asked of the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = Path("/usr/bin/chromium")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
#: How long to wait for what must come; so much that a busy machine makes no difference.
_PATIENCE_MS = 120_000


def missing() -> str:
    """Why there is no browser to work with, or an empty text."""
    if not BROWSER.exists():
        return f"{BROWSER} is missing (package chromium)."
    if importlib.util.find_spec("playwright") is None:
        return "The Python package playwright is missing."
    return ""


class Chromium:
    """One browser with an empty profile and one page; to be used with `with`. `page` is the page object of Playwright.

    `any_certificate`: take certificates of an authority that this machine does not know, such as the lab's.
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 900,
        theme: str = "light",
        javascript: bool = True,
        any_certificate: bool = False,
    ) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=str(BROWSER), headless=True, args=list(_FLAGS))
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            is_mobile=width < 500,
            has_touch=width < 500,
            java_script_enabled=javascript,
            ignore_https_errors=any_certificate,
        )
        context.set_default_timeout(_PATIENCE_MS)
        self.page = context.new_page()
        self.console: list[str] = []
        self._asked: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked.append(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a local page and wait for its load event."""
        self._asked.clear()
        self.page.goto(page.resolve().as_uri() + fragment)

    def visit(self, url: str) -> None:
        """Open a page of a server and wait for its load event."""
        self._asked.clear()
        self.page.goto(url)

    def run(self, script: str, argument: Any = None) -> Any:
        """Run an expression or a function in the page; gives back its value."""
        return self.page.evaluate(script, argument)

    def wait_for_count(self, selector: str, number: int) -> None:
        """Wait until there are so many elements; the page's policy allows no function that polls in it."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_count(number, timeout=_PATIENCE_MS)

    def requests(self) -> list[str]:
        """What the page asked for besides itself and data."""
        return [url for url in self._asked[1:] if not url.startswith("data:")]

    def picture(self, path: Path, height: int | None = None, top: int = 0) -> None:
        """A picture of the page from `top` on: the height of the window, or so many pixels."""
        size = self.page.viewport_size or {"width": 1280, "height": 900}
        clip = {"x": 0, "y": top, "width": size["width"], "height": height or size["height"]}
        self.page.screenshot(path=str(path), full_page=True, clip=clip)
