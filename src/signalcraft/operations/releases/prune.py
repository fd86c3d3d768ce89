"""Old releases are removed, but for those that may still be needed."""

import shutil
from collections.abc import Iterable

from signalcraft.operations import colours, kernel
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2
from signalcraft.operations.releases.record import deployments, releases_dir, to_go_back_to

KEPT = 5
"""The newest: some 250 MB each where no file is shared with another release."""


def prune(instance: Instance) -> list[str]:
    """Remove the releases that are neither new nor in use nor the way back; their ids."""
    folders = {folder.name for folder in releases_dir(instance).iterdir() if folder.is_dir()}
    gone = expendable(folders, _needed(instance, folders))
    for name in gone:
        shutil.rmtree(releases_dir(instance) / name, ignore_errors=True)
    return gone


def expendable(releases: Iterable[str], needed: set[str]) -> list[str]:
    """Which of the releases are too old to be kept. An id begins with the moment of building."""
    return [name for name in sorted(releases)[:-KEPT] if name not in needed]


def _needed(instance: Instance, folders: set[str]) -> set[str]:
    """What runs is a release's; the servers and PM2 itself may be of an earlier one than the colours are."""
    found = colours.load(instance)
    chosen = [release for release in found.releases.values() if release is not None]
    former = to_go_back_to(deployments(instance), chosen[0]) if len(chosen) == 1 else None
    needed = {release.id for release in [*chosen, former] if release is not None}
    pm2 = Pm2(instance)
    pids = [state.pid for state in pm2.states()] + [pm2.pid]
    places = [place for pid in pids if pid is not None for place in kernel.programs(pid)]
    root = releases_dir(instance)
    return needed | {name for name in folders if any(str(root / name) in place for place in places)}
