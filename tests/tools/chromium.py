# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium with an empty profile that opens local pages and tells what they logged and asked of the network."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from types import TracebackType
from typing import Any

BROWSER = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "about:blank",
)


def missing() -> str:
    """Why there is no browser to work with, or an empty text."""
    if not BROWSER.exists() or not DRIVER.exists():
        return f"{BROWSER} and {DRIVER} are needed (packages chromium and chromium-driver)."
    if importlib.util.find_spec("selenium") is None:
        return "The Python package selenium is needed."
    return ""


class Chromium:
    """One browser with one page; to be used with `with`."""

    def __init__(self, profile: Path, javascript: bool = True) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(executable_path=str(DRIVER)))
        if not javascript:
            self.cdp("Emulation.setScriptExecutionDisabled", value=True)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.driver.quit()

    def cdp(self, command: str, **arguments: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def size(self, width: int, height: int) -> None:
        """The size of the window in CSS pixels; below 500 the browser behaves as a phone."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def media(self, theme: str = "light", medium: str = "") -> None:
        """The colors that the system prefers, and the medium (`print`, or empty for the screen)."""
        self.cdp("Emulation.setEmulatedMedia", media=medium, features=[{"name": "prefers-color-scheme", "value": theme}])

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a local page and wait for its load event."""
        self.driver.get(page.resolve().as_uri() + fragment)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page; gives back what it returns."""
        return self.driver.execute_script(script, *arguments)

    def picture(self, path: Path, height: int | None = None) -> None:
        """A picture of the page from its top: the window's part, or so many pixels of height."""
        width = self.run("return innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height or self.run("return innerHeight"), "scale": 1}
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.cdp("Page.printToPDF", printBackground=True)["data"])

    def console(self) -> list[str]:
        """Everything the page logged, warnings and refused resources included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What local pages asked for since the last call, apart from themselves and data."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        # The browser's own pages (a new tab) ask for things, too; they are not what is looked at.
        return [
            one["request"]["url"]
            for one in asked
            if one["documentURL"].startswith("file:")
            and one["request"]["url"] != one["documentURL"]
            and not one["request"]["url"].startswith("data:")
        ]
