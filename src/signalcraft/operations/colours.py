"""Which release runs as which colour, and how the traffic is shared between them.

Two releases of the system can run side by side: blue and green. One of them is active: the processes of
which there is only one (scheduler, monitor, proxy, …) are of its release, and `signalcraft up` is its
command. Which it is stands in `DATA_DIR/run/colours.json`. While there is no such file nothing was ever
deployed: the code that asks is the release, and it is blue.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from signalcraft.operations.instance import Instance
from signalcraft.operations.packages import release_folder
from signalcraft.operations.ports import Colour
from signalcraft.operations.whole_files import write_whole

COLOURS: tuple[Colour, ...] = get_args(Colour)
CHECKOUT = "checkout"
"""Id of a release that nobody has built: the folder that `make up` was called in."""


@dataclass(frozen=True)
class Release:
    """One release on this machine."""

    id: str
    folder: Path
    """Where its source lies."""
    python: Path
    """Of its own environment."""

    @property
    def program(self) -> Path:
        """Its `signalcraft`."""
        return self.python.parent / "signalcraft"

    @property
    def is_this(self) -> bool:
        """Whether the code that asks is this release."""
        return self.python.parent == Path(sys.executable).parent


@dataclass(frozen=True)
class Colours:
    """What runs, or has to be started again when it does not."""

    active: Colour
    releases: dict[Colour, Release | None]
    """None where nothing is to run. The active colour has a release."""
    weights: dict[Colour, int]
    """Percent of the traffic; together 100."""


def other(colour: Colour) -> Colour:
    """The other one of the two."""
    return "green" if colour == "blue" else "blue"


def this_release() -> Release:
    """The code that asks, as a release that nobody has built."""
    return Release(CHECKOUT, release_folder(), Path(sys.executable))


def load(instance: Instance) -> Colours:
    """What was saved last."""
    try:
        text = _file(instance).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Colours("blue", {"blue": this_release(), "green": None}, {"blue": 100, "green": 0})
    document = json.loads(text)
    releases = {colour: _release(document["releases"][colour]) for colour in COLOURS}
    return Colours(document["active"], releases, document["weights"])


def save(instance: Instance, colours: Colours) -> None:
    """Write it down.

    Raises
    ------
    ValueError
        The active colour has no release, or the weights are not shares of 100.
    """
    active = colours.releases[colours.active]
    if active is None:
        raise ValueError("the active colour has no release")
    if sum(colours.weights.values()) != 100 or min(colours.weights.values()) < 0:
        raise ValueError("the weights are not shares of 100")
    document = {
        "active": colours.active,
        "releases": {colour: _document(colours.releases[colour]) for colour in COLOURS},
        "weights": colours.weights,
    }
    write_whole(_file(instance), json.dumps(document, indent=2) + "\n")
    _point(program_link(instance), active.program)


def program_link(instance: Instance) -> Path:
    """A name for the active release's `signalcraft` that stays, whichever release that is."""
    return instance.data_dir / "signalcraft"


def _point(link: Path, target: Path) -> None:
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _file(instance: Instance) -> Path:
    return instance.run_dir / "colours.json"


def _document(release: Release | None) -> dict[str, str] | None:
    if release is None:
        return None
    return {"id": release.id, "folder": str(release.folder), "python": str(release.python)}


def _release(document: dict[str, str] | None) -> Release | None:
    if document is None:
        return None
    return Release(document["id"], Path(document["folder"]), Path(document["python"]))
