"""The page of `slimwheel inspect --html`, open in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from benchmarks.browser import browser, missing

needs_browser = pytest.mark.skipif(missing() is not None, reason=missing() or "")


class Page:
    """The page, as somebody sees it who only has a keyboard."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, place: str = "") -> None:
        """Open a page, at a place in its tree."""
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + (f"#{place}" if place else ""))

    def ask(self, script: str, *arguments: object) -> Any:
        """Return what a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def text(self, identifier: str) -> str:
        """Return the text of an element by its id."""
        return self.driver.find_element(By.ID, identifier).text

    def focus_map(self) -> None:
        """Reach the map by Tab alone, as from the place before it."""
        self.ask("document.getElementById('search').focus()")
        self.press(Keys.TAB)

    @property
    def place(self) -> str:
        """The place in the tree that is shown."""
        return str(self.ask("return document.body.dataset.place"))

    @property
    def focused(self) -> str:
        """What is read out of the element that has the focus."""
        found = self.ask("return document.activeElement.getAttribute('aria-label')")
        return str(found or "")

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return int(self.ask("return document.querySelectorAll('.tile').length"))

    def console(self) -> list[Any]:
        """Return the messages in the console since it was asked last."""
        return list(self.driver.get_log("browser"))  # type: ignore[no-untyped-call]


@contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """Start a browser."""
    with browser(profile) as driver:
        yield Page(driver)
