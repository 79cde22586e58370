"""Unit tests keep what they work out to themselves: no plan of theirs goes to the user's cache."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
