"""Which folders must be opened for the service account."""

import os
import pwd
from pathlib import Path

import pytest

from signalcraft.operations.account import lacks_passage

STRANGER = pwd.struct_passwd(("stranger", "x", 61_234, 61_234, "", "/", "/bin/false"))


@pytest.mark.parametrize(
    ("mode", "in_group", "lacks"),
    [
        (0o700, False, True),
        (0o701, False, False),
        (0o750, False, True),
        (0o750, True, False),
        (0o705, True, True),  # the group's bits hold for its members, even where others may more
        (0o744, False, True),  # reading is not passing
    ],
)
def test_passage(tmp_path: Path, mode: int, in_group: bool, lacks: bool) -> None:
    tmp_path.chmod(mode)
    groups = [61_234, *([tmp_path.stat().st_gid] if in_group else [])]
    assert lacks_passage(tmp_path, STRANGER, groups) is lacks


def test_the_owner_s_own_bits_hold_for_the_owner(tmp_path: Path) -> None:
    owner = pwd.getpwuid(os.getuid())
    tmp_path.chmod(0o700)
    assert not lacks_passage(tmp_path, owner, [])
    tmp_path.chmod(0o655)
    assert lacks_passage(tmp_path, owner, [])
    tmp_path.chmod(0o700)
