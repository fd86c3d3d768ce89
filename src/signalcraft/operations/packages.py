"""Where the release that runs and the packages that carry programs are."""

import sys
from importlib.util import find_spec
from pathlib import Path


def release_folder() -> Path:
    """Folder of the release that runs: a clone or what `deploy` has built. Its `.venv` is in it, and PM2."""
    return Path(sys.prefix).parent


def package_folder(name: str) -> Path:
    """Folder of an installed package, without importing it: some of these do things at import."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {name} is not installed", name=name)
    return Path(spec.submodule_search_locations[0])
