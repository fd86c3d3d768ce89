"""The systemd unit."""

import shutil
import subprocess
from pathlib import Path

import pytest

from signalcraft.operations import boot
from signalcraft.operations.instance import Instance


def test_the_unit_finds_the_instance_and_holds_no_secret(made: Instance) -> None:
    unit = boot.unit(made)
    assert f'Environment="SIGNALCRAFT_DATA_DIR={made.data_dir}"' in unit
    assert made.settings.database_url.get_secret_value() not in unit
    assert made.settings.token_signing_key.get_secret_value() not in unit


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_understands_the_unit(made: Instance, tmp_path: Path) -> None:
    file = tmp_path / "signalcraft.service"
    file.write_text(boot.unit(made))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", file], capture_output=True, text=True
    )
    assert (verified.returncode, verified.stderr) == (0, "")
