"""The system's own visitors: let in by secrets that are stored nowhere."""

import pytest
from sqlalchemy import select

from signalcraft.accounts.api_tokens import authenticate_api_token
from signalcraft.accounts.errors import TokenRefusedError
from signalcraft.accounts.models import User
from signalcraft.accounts.sign_in import account_of, check_password
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Shop
from signalcraft.operations.probe_shop import prepare
from signalcraft.settings import Settings


def test_it_is_made_once_and_follows_the_signing_key(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        first = prepare(session, settings)
    with unit_of_work() as session:
        assert prepare(session, settings) == first
        assert authenticate_api_token(session, first.api_token, utc_now()).shop_ids == {first.shop_id}
    other = settings.model_copy(update={"token_signing_key": settings.encryption_keys})
    with unit_of_work() as session:
        second = prepare(session, other)
    assert (second.shop_id, second.device_id) == (first.shop_id, first.device_id)
    with unit_of_work() as session:
        check_password(account_of(session, second.username), second.password)
        assert len(session.scalars(select(Device)).all()) == 1
        assert len(session.scalars(select(Shop)).all()) == len(session.scalars(select(User)).all()) == 1
        with pytest.raises(TokenRefusedError):
            authenticate_api_token(session, first.api_token, utc_now())


def test_its_secrets_are_not_in_what_is_printed(settings: Settings, database: None) -> None:
    with unit_of_work() as session:
        visitors = prepare(session, settings)
    shown = str(visitors)
    for secret in (visitors.password, visitors.api_token, visitors.device_key):
        assert len(secret) >= 43
        assert secret not in shown
