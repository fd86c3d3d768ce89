"""`signalcraft user`: people who may sign in, made by the operator on the same host."""

from typing import Annotated

import typer

from signalcraft.accounts import service
from signalcraft.accounts.roles import SHOP_ROLES
from signalcraft.cli.local_instance import local_settings
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError, SignalCraftError
from signalcraft.fleet.models import Shop


def user(
    username: Annotated[str, typer.Argument(min=1, help="How they sign in.")],
    email: Annotated[str | None, typer.Option(help="They may sign in with it too.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Sees and does everything.")] = False,
    shop: Annotated[int | None, typer.Option(min=1, help="Number of the shop they may see.")] = None,
    role: Annotated[str, typer.Option(help=f"Their role there: {', '.join(SHOP_ROLES)}.")] = "store_owner",
    reset: Annotated[
        bool, typer.Option("--reset", help="A new password for somebody who has lost theirs.")
    ] = False,
) -> None:
    """Let somebody sign in, or give them a new password. / 사용자를 추가하거나 비밀번호를 다시 만듭니다."""
    local_settings()
    try:
        with unit_of_work() as session:
            if reset:
                password = service.reset_password(session, username)
            else:
                person, password = service.create_user(
                    session, username=username, email=email, role="admin" if admin else "user"
                )
                if shop is not None:
                    if role not in SHOP_ROLES:
                        raise InvalidInputError(f"There is no role {role}: {', '.join(SHOP_ROLES)}.")
                    if session.get(Shop, shop) is None:
                        raise InvalidInputError(f"There is no shop number {shop}.")
                    service.grant(session, person, shop_id=shop, role=role)
    except SignalCraftError as error:
        typer.echo(f"signalcraft: {error.detail}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"  user / 사용자        {username}\n  password / 비밀번호  {password}")
    typer.echo("  The password is shown this once. / 비밀번호는 지금 한 번만 표시됩니다.")
