"""The shop, the person and the node by which the system tries itself (`systemtest`).

Their secrets are derived from the instance's signing key: they are stored nowhere, every process of the
instance knows them, and nobody else's instance has the same. The rows hold hashes, as everybody's do.
"""

import base64
import hashlib
import hmac

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.api_tokens import PREFIX as TOKEN_PREFIX
from signalcraft.accounts.api_tokens import SHOWN_CHARACTERS, token_hash
from signalcraft.accounts.models import ApiToken, ShopMember, User
from signalcraft.accounts.passwords import hash_password, verify_password
from signalcraft.accounts.roles import Permission
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.fleet.keys import PREFIX as KEY_PREFIX
from signalcraft.fleet.keys import key_hash
from signalcraft.fleet.models import Device, DeviceKey, Machine, Shop
from signalcraft.settings import Settings
from signalcraft.systemtest import Credentials

USERNAME = "~systemtest"
"""Nobody can register it: people's names begin with a letter or a digit."""
_NAME = "SignalCraft systemtest"
_RIGHTS: tuple[Permission, ...] = ("analysis.run", "fleet.read", "notification.read")
_ROLE = "technician"
_LOCK = 0x70726F62
"""Advisory lock: the monitor and a deployment may come at the same time."""


def prepare(session: Session, settings: Settings) -> Credentials:
    """Make what is missing of it, and say how its visitors are let in. Harmless when done again.

    After the signing key was replaced the former secrets are good no more.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    key = settings.token_signing_key.get_secret_value().encode()
    password = _derived(key, "password")
    api_token, device_key = TOKEN_PREFIX + _derived(key, "token"), KEY_PREFIX + _derived(key, "key")
    shop = session.scalar(select(Shop).where(Shop.probe)) or _make_shop(session)
    user = session.scalar(select(User).where(User.probe)) or _make_user(session, shop, password)
    if not verify_password(user.password_hash, password):
        user.password_hash = hash_password(password)
    _admit_program(session, user, api_token)
    device = session.scalars(
        select(Device).join(Machine, Machine.id == Device.machine_id).where(Machine.probe)
    ).one()
    _admit_node(session, device, device_key)
    return Credentials(user.username, password, api_token, shop.id, device.device_id, device_key)


def _derived(key: bytes, what: str) -> str:
    """256 bits that only who has the signing key can tell, as text."""
    digest = hmac.digest(key, f"signalcraft systemtest {what}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _make_shop(session: Session) -> Shop:
    """The shop, and its machine with a node of a name that no node has."""
    shop = Shop(name=_NAME, probe=True)
    session.add(shop)
    session.flush()
    machine = Machine(shop_id=shop.id, name=_NAME, synthetic=True, probe=True)
    session.add(machine)
    session.flush()
    taken_at = utc_now()
    session.add(
        Device(
            device_id=f"systemtest:{taken_at:%Y%m%d%H%M%S%f}",
            machine_id=machine.id,
            claimed_at=taken_at,
            admission="key",
        )
    )
    session.flush()
    record(session, "probe_shop.made", user_id=None, subject=f"shop:{shop.id}", shop_id=shop.id)
    return shop


def _make_user(session: Session, shop: Shop, password: str) -> User:
    user = User(
        username=USERNAME, full_name=_NAME, role="user", password_hash=hash_password(password), probe=True
    )
    session.add(user)
    session.flush()
    session.add(ShopMember(user_id=user.id, shop_id=shop.id, role=_ROLE))
    session.flush()
    return user


def _admit_program(session: Session, user: User, secret: str) -> None:
    """Let the person's program in by this token, and by no other."""
    now, digest = utc_now(), token_hash(secret)
    mine = ApiToken.user_id == user.id
    session.execute(
        update(ApiToken)
        .where(mine, ApiToken.token_hash != digest, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if session.scalar(select(ApiToken.id).where(mine, ApiToken.token_hash == digest)) is None:
        session.add(
            ApiToken(
                user_id=user.id,
                name=_NAME,
                token_hash=digest,
                beginning=secret[:SHOWN_CHARACTERS],
                permissions=sorted(_RIGHTS),
                created_at=now,
            )
        )


def _admit_node(session: Session, device: Device, secret: str) -> None:
    """Let the node in by this key, and by no other."""
    now, digest = utc_now(), key_hash(secret)
    mine = DeviceKey.device_id == device.id
    session.execute(
        update(DeviceKey)
        .where(mine, DeviceKey.key_hash != digest, DeviceKey.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if session.scalar(select(DeviceKey.id).where(mine, DeviceKey.key_hash == digest)) is None:
        session.add(
            DeviceKey(
                device_id=device.id, key_hash=digest, beginning=secret[:SHOWN_CHARACTERS], created_at=now
            )
        )
