"""How the system's own visitors (`systemtest`) are let in: what `probe_shop` makes, looked up.

Their secrets are derived from the instance's signing key: they are stored nowhere, every process of the
instance knows them, and no two instances have the same. The rows hold hashes, as everybody's do.

Apart from `probe_shop`, because the monitor, which is to stay small, needs no more than this.
"""

import base64
import hashlib
import hmac

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.settings import Settings
from signalcraft.systemtest import Credentials

_PLACES = text(
    """
    SELECT users.username, shops.id AS shop_id, devices.device_id
    FROM users, shops
    JOIN machines ON machines.shop_id = shops.id JOIN devices ON devices.machine_id = machines.id
    WHERE users.probe AND shops.probe AND machines.probe
    """
)


def visitors(session: Session, settings: Settings) -> Credentials | None:
    """Who visits this instance; None before `signalcraft up` has made them."""
    row = session.execute(_PLACES).one_or_none()
    if row is None:
        return None
    return Credentials(
        username=row.username,
        password=derived(settings, "password"),
        api_token=f"sct_{derived(settings, 'token')}",
        shop_id=row.shop_id,
        device_id=row.device_id,
        device_key=f"scd_{derived(settings, 'key')}",
    )


def derived(settings: Settings, purpose: str) -> str:
    """A secret of 256 bits as text, which only who has the signing key can tell."""
    key = settings.token_signing_key.get_secret_value().encode()
    digest = hmac.digest(key, f"signalcraft systemtest {purpose}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
