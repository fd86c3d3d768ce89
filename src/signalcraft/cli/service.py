"""`signalcraft service`: the start at boot."""

import typer

from signalcraft.cli.lifecycle import failing_with_a_sentence
from signalcraft.operations import boot, instance


def service() -> None:
    """Print a systemd unit that starts this instance at boot. / 부팅 때 시작할 systemd 유닛을 출력합니다."""
    with failing_with_a_sentence():
        typer.echo(boot.unit(instance.load()), nl=False)
