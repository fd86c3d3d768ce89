"""The shop, the person and the node by which the system tries itself, made where they are missing."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.api_tokens import SHOWN_CHARACTERS, token_hash
from signalcraft.accounts.models import ApiToken, ShopMember, User
from signalcraft.accounts.passwords import hash_password, verify_password
from signalcraft.accounts.roles import Permission
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.fleet.keys import key_hash
from signalcraft.fleet.models import Device, DeviceKey, Machine, Shop
from signalcraft.operations.visitors import visitors
from signalcraft.settings import Settings
from signalcraft.systemtest import Credentials

USERNAME = "~systemtest"
"""Nobody can register it: people's names begin with a letter or a digit."""
_NAME = "SignalCraft systemtest"
_RIGHTS: tuple[Permission, ...] = ("analysis.run", "fleet.read", "notification.read")
_ROLE = "technician"
_LOCK = 0x70726F62
"""Advisory lock: `up` and a deployment may come at the same time."""


def prepare(session: Session, settings: Settings) -> Credentials:
    """Make what is missing, and say how the visitors are let in. Harmless when done again.

    After the signing key was replaced the former secrets are good no more.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if visitors(session, settings) is None:
        _make(session)
    found = visitors(session, settings)
    if found is None:
        raise RuntimeError("the visitors were made and are not there")
    user = session.scalars(select(User).where(User.probe)).one()
    if not verify_password(user.password_hash, found.password):
        user.password_hash = hash_password(found.password)
    _admit_program(session, user, found.api_token)
    device = session.scalars(select(Device).where(Device.device_id == found.device_id)).one()
    _admit_node(session, device, found.device_key)
    return found


def _make(session: Session) -> None:
    """The shop with its machine, a node of a name that no node has, and the person."""
    now = utc_now()
    shop = Shop(name=_NAME, probe=True)
    user = User(username=USERNAME, full_name=_NAME, role="user", password_hash="", probe=True)
    session.add_all([shop, user])
    session.flush()
    machine = Machine(shop_id=shop.id, name=_NAME, synthetic=True, probe=True)
    session.add_all([machine, ShopMember(user_id=user.id, shop_id=shop.id, role=_ROLE)])
    session.flush()
    name = f"systemtest:{now:%Y%m%d%H%M%S%f}"
    session.add(Device(device_id=name, machine_id=machine.id, claimed_at=now, admission="key"))
    session.flush()
    record(session, "probe_shop.made", user_id=None, subject=f"shop:{shop.id}", shop_id=shop.id)


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
        beginning = secret[:SHOWN_CHARACTERS]
        session.add(DeviceKey(device_id=device.id, key_hash=digest, beginning=beginning, created_at=now))
