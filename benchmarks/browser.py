"""Chromium without a window, in which the page of `slimwheel inspect --html` is tested."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from slimwheel.errors import ToolError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"


def missing() -> str | None:
    """Return what a browser lacks to be driven here, None where nothing is missing."""
    if not any(map(shutil.which, BROWSERS)):
        return "no chromium is found: apt-get install chromium chromium-driver"
    if shutil.which(DRIVER) is None:
        return "no chromedriver is found: apt-get install chromium-driver"
    return None


@contextmanager
def browser(profile: Path, *, width: int = 1400, height: int = 1000) -> Iterator[Chrome]:
    """Start a browser with a window of a size in pixels; the console's messages are kept.

    Args:
        profile: an empty directory for what it writes.

    Raises:
        ToolError: there is none.
    """
    lacks = missing()
    if lacks:
        raise ToolError(lacks)
    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    options.add_argument("--headless=new")
    options.add_argument("--disable-gpu")
    options.add_argument("--hide-scrollbars")
    options.add_argument(f"--user-data-dir={profile}")
    # A container's /dev/shm is too small for it, and root may not use its sandbox.
    options.add_argument("--disable-dev-shm-usage")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()
