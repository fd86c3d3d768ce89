"""What the tests of mail share."""

from collections.abc import Callable, Iterator

import pytest

from signalcraft.settings import Settings, get_settings


@pytest.fixture
def change_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets environment variables for the rest of the test."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield change
    monkeypatch.undo()
    get_settings.cache_clear()
