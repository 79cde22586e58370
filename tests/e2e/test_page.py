"""The page of `inspect --html` and `diff --html` in a real browser, with the keyboard alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.pages import Page, needs_browser, opened
from tests.support.upstream import make_torch_wheel

pytestmark = [needs_browser, pytest.mark.xdist_group("browser")]

HOSTILE = "torch/<img src=x onerror=alert(1)>.py"


def slimwheel(*arguments: object) -> str:
    command = [sys.executable, "-m", "slimwheel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a wheel, with and without a recipe, and of it beside the slim one."""
    here = tmp_path_factory.mktemp("pages")
    members = {f"torch/many/{number}.py": "many" for number in range(4000)}
    members["torch/data/large.bin"] = "large" * 300_000
    members |= {HOSTILE: "hostile", "torch/a b/ü #%.txt": "odd" * 2000}
    upstream = make_torch_wheel(here, members=members)
    build = ("build", "--recipe", "cpu", "--no-smoke", "--output-dir", here / "out", upstream)
    slim = slimwheel(*build).splitlines()[0]
    found = {name: here / f"{name}.html" for name in ("plain", "recipe", "diff")}
    slimwheel("inspect", "--html", found["plain"], upstream)
    slimwheel("inspect", "--recipe", "cpu", "--html", found["recipe"], upstream)
    slimwheel("diff", "--html", found["diff"], upstream, slim)
    return found


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    window.console()
    yield window
    assert window.console() == [], "the console has messages"


@pytest.mark.parametrize("name", ["plain", "recipe", "diff"])
def test_it_opens(pages: dict[str, Path], page: Page, name: str) -> None:
    page.open(pages[name])
    assert page.tiles > 20
    assert "torch-2.13.0+cpu" in page.text("title")
    assert "torch/" in page.text("table")
    assert "host code" in page.text("legend")
    assert page.ask("return document.querySelectorAll('img').length") == 0


def test_small_files_are_one_tile(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["plain"])
    assert page.tiles < 600
    page.open(pages["plain"], "torch/many")
    assert page.tiles == 1001
    assert "3,000 smaller" in page.ask("return document.getElementById('maps').textContent")
    assert "3,900 more" in page.text("table")


def test_tiles_stay_within_their_frame_and_apart(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"])
    overlaps = page.ask("""
        const boxes = (tiles) => tiles.map((tile) => tile.getBoundingClientRect());
        let wrong = 0;
        for (const frame of document.querySelectorAll(".map, .frame")) {
          const whole = frame.getBoundingClientRect();
          const inner = boxes([...frame.children].filter((one) => one.matches(".tile")));
          inner.forEach((a, i) => {
            if (a.left < whole.left - 1 || a.right > whole.right + 1) wrong += 1;
            if (a.top < whole.top - 1 || a.bottom > whole.bottom + 1) wrong += 1;
            for (const b of inner.slice(i + 1)) {
              const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (across > 1 && down > 1) wrong += 1;
            }
          });
        }
        return wrong;
    """)
    assert overlaps == 0


def test_areas_are_sizes(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["plain"], "torch/lib")
    ratios = page.ask("""
        const map = slimwheel.page.maps[0];
        const whole = map.map.clientWidth * map.map.clientHeight / map.value(map.node);
        return [...map.tiles].map(([node, tile]) =>
          tile.offsetWidth * tile.offsetHeight / (map.value(node) * whole));
    """)
    assert len(ratios) == 4
    assert all(0.95 < ratio < 1.05 for ratio in ratios)


def test_keys_zoom_in_and_out(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"])
    page.focus_map()
    assert page.focused.startswith("torch, ")
    page.press(Keys.ENTER)
    assert page.place == "torch"
    first = page.focused
    assert first.startswith("torch/")
    moved = set()
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP):
        page.press(key)
        moved.add(page.focused)
    assert len(moved) > 1
    assert all(name.startswith("torch/") for name in moved)
    page.press(Keys.ESCAPE)
    assert page.place == ""
    assert page.focused.startswith("torch, "), "the focus is on what was left"
    page.press(Keys.ENTER)
    page.press(Keys.BACKSPACE)
    assert page.place == ""


def test_every_tile_is_reached_by_arrows(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["plain"], "torch/lib")
    reached = page.ask("""
        const map = slimwheel.page.maps[0];
        const tiles = [...map.tiles.values()];
        const seen = new Set([tiles[0]]);
        for (const tile of seen) {
          for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
            const next = map.neighbour(tile, x, y);
            if (next) seen.add(next);
          }
        }
        return [seen.size, tiles.length];
    """)
    assert reached[0] == reached[1] > 1


def test_a_library_opens_to_its_sections(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"])
    page.focus_map()
    page.press("/", *"lib/libtorch_cpu.so", Keys.ENTER)
    assert page.place == "torch/lib"
    page.press(Keys.ENTER)
    assert page.place == "torch/lib/libtorch_cpu.so"
    assert ".text" in page.text("table")
    assert "symbols" in page.text("table"), "the rule that takes symbol tables"
    page.press(Keys.HOME)
    assert page.place == ""


def test_search_finds_a_section_and_a_file(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"])
    page.focus_map()
    page.press("/")
    page.press(*"LIBC10.SO")
    assert "torch/lib/libc10.so" in page.text("found")
    page.press(Keys.ENTER)
    assert page.place == "torch/lib"
    assert page.focused.startswith("torch/lib/libc10.so, ")
    assert "loses" in page.text("status")
    page.press("/")
    page.press(*"no such file", Keys.ENTER)
    assert page.text("found") == "nothing found"
    page.press(Keys.ESCAPE)
    assert page.place == "torch/lib"
    page.press("/", *"torch/many/3999", Keys.ENTER)
    assert page.focused.startswith("torch/many/3999.py, "), "however small it is"


def test_what_remains(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"], "torch")
    data = json.loads(str(page.ask("return document.getElementById('data').textContent")))
    assert "building C++ extensions" in page.text("rules")
    includes = "return [...slimwheel.page.maps[0].tiles.keys()].map((node) => node.name)"
    assert "include" in page.ask(
        "slimwheel.page.draw(slimwheel.page.trees[0].find('torch/include'));" + includes
    )
    page.ask("document.querySelector('input[value=remains]').click()")
    assert "include" not in page.ask(includes)
    shown = page.ask("return slimwheel.page.trees[0].root.left.installed")
    assert shown == data["wheels"][0]["left"]["installed"]


def test_sums_are_those_of_the_wheel(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["recipe"])
    page.ask("document.querySelector('input[value=download]').click()")
    wheel, size = page.ask(
        "const {wheel, root} = slimwheel.page.trees[0]; return [wheel, root.size]"
    )
    assert size == {"installed": wheel["installed"], "download": wheel["download"]}


def test_diff_is_on_one_scale(pages: dict[str, Path], page: Page) -> None:
    page.open(pages["diff"])
    first, second = page.ask("""
        return slimwheel.page.maps.map(({map, node, value}) =>
          map.clientWidth * map.clientHeight / value(node));
    """)
    assert first == pytest.approx(second, rel=0.02)
    page.open(pages["diff"], "torch/include")
    assert "Not in this wheel" in page.ask("return document.getElementById('maps').textContent")
    page.open(pages["diff"], "*.dist-info")
    assert "METADATA" in page.text("table")


def test_a_place_can_be_linked_and_a_bad_one_is_the_whole(
    pages: dict[str, Path], page: Page
) -> None:
    page.open(pages["plain"], "torch/a%20b")
    assert page.place == "torch/a b"
    assert "ü #%.txt" in page.text("table")
    for place in ("no/such/place", "%E0%A4%A"):
        page.open(pages["plain"], place)
        assert page.place == ""


def test_the_dark_keeps_words_legible(pages: dict[str, Path], page: Page) -> None:
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        page.open(pages["recipe"])
        contrasts = page.ask("""
            const part = (value) => {
              const c = value / 255;
              return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            };
            const light = (color) => {
              const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
              return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
            };
            return [...document.querySelectorAll(".tile")].map((tile) => {
              const {color, backgroundColor} = getComputedStyle(tile);
              const [a, b] = [light(color), light(backgroundColor)].sort((x, y) => y - x);
              return (a + 0.05) / (b + 0.05);
            });
        """)
        assert min(contrasts) >= 4.5, scheme
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
