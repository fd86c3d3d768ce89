"""`signalcraft user`: people who may sign in, made by the operator on the same host."""

from typing import Annotated

import typer

from signalcraft.accounts import administration, grants, service
from signalcraft.accounts.roles import SHOP_ROLES
from signalcraft.cli.local_instance import local_settings
from signalcraft.db.session import unit_of_work
from signalcraft.errors import SignalCraftError


def user(
    username: Annotated[str, typer.Argument(min=1, help="How they sign in.")],
    email: Annotated[str | None, typer.Option(help="They may sign in with it too.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Sees and does everything in all shops.")] = False,
    super_admin: Annotated[
        bool, typer.Option("--super-admin", help="Decides about administrators and settings as well.")
    ] = False,
    shop: Annotated[int | None, typer.Option(min=1, help="Number of the shop they may see.")] = None,
    role: Annotated[str, typer.Option(help=f"Their role there: {', '.join(SHOP_ROLES)}.")] = "store_owner",
    reset: Annotated[
        bool, typer.Option("--reset", help="A new password for somebody who has lost theirs.")
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make somebody who is there --super-admin, --admin or neither.")
    ] = False,
) -> None:
    """Let somebody sign in, give them a new password or another role. / 사용자를 추가하거나 변경합니다."""
    local_settings()
    everywhere = "super_admin" if super_admin else "admin" if admin else "user"
    try:
        with unit_of_work() as session:
            if promote:
                administration.promote(session, username, everywhere)
                typer.echo(f"  user / 사용자  {username}\n  role / 역할    {everywhere}")
                return
            if reset:
                password = service.reset_password(session, username)
            else:
                person, password = service.create_user(
                    session, username=username, email=email, role=everywhere
                )
                if shop is not None:
                    grants.grant(session, person, shop_id=shop, role=role, by=None)
    except SignalCraftError as error:
        typer.echo(f"signalcraft: {error.detail}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"  user / 사용자        {username}\n  password / 비밀번호  {password}")
    typer.echo("  The password is shown this once. / 비밀번호는 지금 한 번만 표시됩니다.")
