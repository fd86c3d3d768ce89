"""`signalcraft errors`: a tracker of errors on this machine."""

import typer

from signalcraft.cli.lifecycle import failing_with_a_sentence, progress
from signalcraft.operations import account, instance
from signalcraft.operations.bugsink import Bugsink
from signalcraft.settings import data_dir

app = typer.Typer(no_args_is_help=True, help="A tracker of errors on this machine. / 이 기계의 오류 추적기")


@app.command()
def up() -> None:
    """Install and start Bugsink, and have errors reported to it. / 오류 추적기를 시작합니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        here = instance.load()
        access = Bugsink(here).up()
        instance.set_sentry_dsn(here, access.dsn)
        print(f"  {access.url}\n  user / 사용자  admin\n  password / 비밀번호  {access.password}")
        if here.settings.sentry_dsn is None:
            print("Run `signalcraft up`: from then on errors are reported. / `signalcraft up`을 실행하세요.")
        elif here.settings.sentry_dsn.get_secret_value() != access.dsn:
            print("SENTRY_DSN leads elsewhere and stays so. / SENTRY_DSN이 다른 곳을 가리킵니다.")


@app.command()
def down() -> None:
    """Stop it; what it has collected stays. / 오류 추적기를 종료합니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        ran = Bugsink(instance.load()).down()
        print("Bugsink is stopped. / 종료되었습니다." if ran else "It did not run. / 실행 중이 아닙니다.")


@app.command()
def status() -> None:
    """Whether it takes reports (else exit code 1). / 오류 추적기의 상태를 봅니다."""
    with failing_with_a_sentence():
        account.become_owner(data_dir(), progress())
        tracker = Bugsink(instance.load())
        if not tracker.is_ready():
            print("Bugsink does not run. / 실행 중이 아닙니다.")
            raise typer.Exit(1)
        print(f"Bugsink takes reports at {tracker.url}. / 오류를 받고 있습니다.")
