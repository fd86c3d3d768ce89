"""Somebody who asks this process's own api tier, signed in as people are."""

import logging
import secrets

import structlog
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.api.app import create_app
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.settings import Settings


def administrator(settings: Settings) -> tuple[FlaskClient, dict[str, str]]:
    """A client without a network in between, and the headers of a new administrator."""
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)  # a line for each question would be the longest part of it
    name, password = f"bench-{secrets.token_hex(3)}", generate_password()
    with unit_of_work() as session:
        session.add(
            User(
                username=name,
                full_name="Benchmark (synthetic)",
                role="admin",
                password_hash=hash_password(password),
            )
        )
    with TestClient(create_gateway(settings), headers={"X-Requested-With": "benchmark"}) as gateway:
        answer = gateway.post(
            "/api/auth/login", json={"username": name, "password": password, "delivery": "body"}
        )
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return create_app(settings).test_client(), headers
