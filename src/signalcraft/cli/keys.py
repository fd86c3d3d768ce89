"""`signalcraft keys`: the keys that sign access tokens."""

import typer

from signalcraft.accounts.signing_keys import key_ring
from signalcraft.audit.service import record
from signalcraft.cli.local_instance import local_settings
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work

app = typer.Typer(help="Keys that sign access tokens. / 접근 토큰 서명 키.", no_args_is_help=True)


@app.command()
def rotate() -> None:
    """Sign with a new key from now on; nobody is signed out. / 새 키로 서명합니다. 로그아웃되지 않습니다."""
    settings = local_settings()
    key = key_ring().rotate(utc_now())
    with unit_of_work() as session:
        record(session, "signing_key.rotated", user_id=None, subject=f"signing_key:{key.key_id}")
    typer.echo(f"  {key.key_id} signs from now on. / 이제부터 이 키로 서명합니다.")
    minutes = -(-settings.access_token_seconds // 60)
    typer.echo(
        f"  The one before counts for {minutes} more minutes. / 이전 키는 {minutes}분 동안 더 유효합니다."
    )


@app.command("list")
def show() -> None:
    """The keys whose tokens are believed, the one that signs last. / 유효한 키를 표시합니다."""
    local_settings()
    for key in key_ring().published(utc_now()):
        typer.echo(f"  {key.key_id}  {iso(key.made_at) or 'first / 처음'}")
