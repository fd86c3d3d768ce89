"""Machines that are learned quickly."""

from collections.abc import Iterator

import pytest

from signalcraft.settings import Settings, get_settings


@pytest.fixture
def quick_learners(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Twenty clips make a baseline, the fewest that any detector takes."""
    with monkeypatch.context() as environment:
        environment.setenv("SIGNALCRAFT_BASELINE_CLIPS", "20")
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()
