"""`signalcraft doctor`: what is weak or missing in an instance's settings."""

import typer

from signalcraft.cli.lifecycle import failing_with_a_sentence
from signalcraft.operations import instance
from signalcraft.operations.doctor import examine


def doctor() -> None:
    """Find weak or missing settings; exit code 1 where something must be mended. / 설정을 점검합니다."""
    with failing_with_a_sentence():
        findings = examine(instance.load())
    for finding in findings:
        word = "mend / 수정" if finding.weight == "danger" else "consider / 검토"
        typer.echo(f"  [{word}] {finding.subject}\n    {finding.en}\n    {finding.ko}")
    dangers = sum(finding.weight == "danger" for finding in findings)
    typer.echo(f"  {dangers} to mend, {len(findings) - dangers} to consider.")
    if dangers:
        raise typer.Exit(1)
