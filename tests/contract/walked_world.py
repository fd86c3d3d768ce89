"""What the walk over all routes finds: a shop with one of everything, and people of every role.

What a request uses up (a session, a key, an account) is made anew for each request, so that the answer
depends on the caller alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import numpy as np
import soundfile

import measured
from people import NOWHERE, make_fleet, make_person
from signalcraft.accounts import api_tokens, sessions
from signalcraft.accounts.models import AccountSession, ApiToken, Invitation, ShopMember, User
from signalcraft.accounts.passwords import NO_PASSWORD
from signalcraft.accounts.roles import SHOP_ROLES
from signalcraft.acoustics import analysis, reception
from signalcraft.acoustics.learning.models import Baseline, Head
from signalcraft.alarms.models import Alarm
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout, FirmwareUpdate
from signalcraft.fleet.models import ClaimCode, Device, DeviceCommand, DeviceKey, Machine
from signalcraft.observability.monitor_samples import MonitorSection

SHOP, DEVICE = "Glacier seventy-seven", "GLACIER_NODE_77"
"""Names that stand nowhere else: whoever reads one of them has seen our shop."""


@dataclass(frozen=True)
class Request:
    """A plausible request; `about_ours`: it names something of our shop by its id."""

    path: str
    body: dict[str, Any] = field(default_factory=dict)
    about_ours: bool = False


class World:
    """The shop, and the headers of every kind of caller."""

    def __init__(self) -> None:
        self.ours = make_fleet(SHOP, DEVICE)
        theirs = make_fleet("Another shop", "ANOTHER_NODE")
        shop = self.ours.shop.id
        self.callers: dict[str, dict[str, str]] = {"anonymous": {}}
        for role in ("super_admin", "admin"):
            self.callers[role] = self._headers(make_person(role, role=role).principal.user_id)
        for role in SHOP_ROLES:
            self.callers[role] = self._headers(make_person(role, shops={shop: role}).principal.user_id)
        self.callers["nobody"] = self._headers(make_person("nobody").principal.user_id)
        stranger = make_person("stranger", shops={theirs.shop.id: "store_owner"})
        self.callers["stranger"] = self._headers(stranger.principal.user_id)
        self._add_tokens()
        self._hear_once()
        self._measure_once()
        self._update_once()

    def request(self, method: str, template: str) -> Request:
        """A request to this address, with everything it names there to be found."""
        path, about_ours = template, False
        for name, make in self._identifiers(template).items():
            for form in (f"<{name}>", f"<int:{name}>", f"<uuid:{name}>", f"{{{name}}}"):
                if form in path:
                    path = path.replace(form, str(make()))
                    about_ours = True
        return Request(path, self._bodies().get(f"{method} {template}", {}), about_ours)

    def _identifiers(self, template: str) -> dict[str, Callable[[], object]]:
        """How each name in a path is filled."""
        new_device = template.endswith("/claim")
        return {
            "shop_id": lambda: self.ours.shop.id,
            "store_id": lambda: self.ours.shop.id,
            "machine_id": lambda: self.ours.machine.id,
            "device_id": self._unclaimed_device if new_device else lambda: DEVICE,
            "analysis_id": lambda: self.analysis_id,
            "job_id": lambda: self.analysis_id,
            "clip_id": lambda: self.clip_id,
            "alarm_id": lambda: self.alarm_id,
            "baseline_id": lambda: self.baseline_id,
            "head_id": lambda: self.head_id,
            "command_id": self._command,
            "rollout_id": lambda: self.rollout_id,
            "device_type": lambda: "freezer",
            "key_id": self._key,
            "code_id": self._code,
            "invitation_id": self._invitation,
            "user_id": self._member,
            "session_id": self._session,
            "token_id": self._token,
        }

    def _bodies(self) -> dict[str, dict[str, Any]]:
        """What each operation is sent, as arguments of a test client."""
        shop, claim = self.ours.shop.id, {"shop_id": self.ours.shop.id, "machine_name": "Freezer 9"}
        grant, decision = {"json": {"role": "viewer"}}, {"json": {"decision": "drop"}}
        return {
            "POST /api/ai/analyze": {
                "data": {"audio": (_sound(), "a.wav"), "machine_id": self.ours.machine.id}
            },
            "POST /api/shops": {"json": {"name": "New"}},
            "POST /api/devices/<device_id>/claim": {"json": claim},
            "PATCH /api/machines/<int:machine_id>": {"json": {"name": "Freezer 2"}},
            "PATCH /api/devices/<device_id>": {"json": {"device_type": "freezer"}},
            "PATCH /api/devices/<device_id>/settings": {"json": {"upload_interval_s": 30}},
            "POST /api/devices/<device_id>/commands": {"json": {"kind": "restart"}},
            "PUT /api/devices/<device_id>/thresholds": {"json": {"thresholds": {}}},
            "PUT /api/thresholds/types/<device_type>": {"json": {"thresholds": {}}},
            "PUT /api/devices/<device_id>/admission": {"json": {"admission": "key"}},
            "GET /api/claim-codes": {"query_string": {"shop_id": shop}},
            "POST /api/claim-codes": {"json": claim},
            "POST /api/analyses/<uuid:analysis_id>/labels": {"json": {"verdict": "watch"}},
            "POST /api/baselines/<int:baseline_id>/decision": decision,
            "POST /api/heads/<int:head_id>/decision": decision,
            "POST /api/members/{shop_id}/invitations": {
                "json": {"email": f"{uuid4().hex}@example.com", "role": "viewer"}
            },
            "PUT /api/members/{shop_id}/{user_id}": grant,
            "PUT /api/admin/users/{user_id}/grants/{shop_id}": grant,
            "POST /api/admin/users": {"json": {"username": f"u{uuid4().hex[:8]}"}},
            "PATCH /api/admin/users/{user_id}": {"json": {"status": "active"}},
            "POST /api/admin/shops": {"json": {"name": "New"}},
            "PATCH /api/admin/shops/{shop_id}": {"json": {"status": "active"}},
            "POST /api/admin/devices/{device_id}/claim": {"json": claim},
            "PATCH /api/admin/settings": {"json": {"registration_open": True}},
        }

    def again(self) -> None:
        """Let nothing stay that a request has switched off for others."""
        with unit_of_work() as session:
            session.get_one(type(self.ours.shop), self.ours.shop.id).status = "active"
            session.get_one(Device, self.ours.device.id).admission = "key"

    def _headers(self, user_id: int) -> dict[str, str]:
        with unit_of_work() as session:
            opened = sessions.open_session(session, session.get_one(User, user_id), NOWHERE, now=utc_now())
        return {"Authorization": f"Bearer {opened.access_token}"}

    def _add_tokens(self) -> None:
        """An owner's program that may only read notifications, and an administrator's for another shop."""
        with unit_of_work() as session:
            for caller, user, permissions, shops in (
                ("token of the owner", "store_owner", ["notification.read"], None),
                ("token for another shop", "super_admin", ["fleet.read", "shop.manage", "user.read"], [2]),
            ):
                secret = f"sct_{uuid4().hex}"
                user_id = session.query(User.id).where(User.username == user).scalar()
                session.add(
                    ApiToken(
                        user_id=user_id,
                        name=caller,
                        token_hash=api_tokens.token_hash(secret),
                        beginning=secret[:8],
                        permissions=permissions,
                        shop_ids=shops,
                        created_at=utc_now(),
                    )
                )
                self.callers[caller] = {"Authorization": f"Bearer {secret}"}

    def _hear_once(self) -> None:
        pcm = (np.random.default_rng(1).normal(0, 0.1, 32_000) * 32767).astype("<i2").tobytes()
        with unit_of_work() as session:
            received = reception.receive_node_clip(
                session, self.ours.device, pcm, sample_rate_hz=16_000, bits_per_sample=16, measured_at=None
            )
        assert received.analysis_id is not None
        analysis.work_on(received.analysis_id, redelivered=False)
        self.analysis_id, self.clip_id = received.analysis_id, received.clip_id
        now = utc_now()
        with unit_of_work() as session:
            alarm = Alarm(
                machine_id=self.ours.machine.id,
                condition="overload",
                severity="critical",
                raised_at=now,
                last_seen_at=now,
                summary={"ko": "", "en": ""},
                advice={"ko": "", "en": ""},
            )
            baseline = Baseline(
                machine_id=self.ours.machine.id,
                version=1,
                status="shadow",
                features="v1",
                detector="mahalanobis_v1",
                arrays=b"",
                clips=1,
                made_from={},
            )
            head = Head(
                version=1, status="shadow", features="v1", method="m", arrays=b"", figures={}, made_from={}
            )
            monitor_at_work = MonitorSection(name="host", taken_at=utc_now(), document={})
            session.add_all([alarm, baseline, head, monitor_at_work])
            session.flush()
            self.alarm_id, self.baseline_id, self.head_id = alarm.id, baseline.id, head.id

    def _measure_once(self) -> None:
        """A reading, and the day it falls on."""
        measured.send(DEVICE, [utc_now()], temperature_c=-18.5)
        measured.roll_all()

    def _update_once(self) -> None:
        """Firmware on its way to the node."""
        now = utc_now()
        image = FirmwareImage(
            version="2.0.0",
            hardware="ESP32_v1",
            size_bytes=4,
            sha256=b"",
            signature=b"",
            key_id="k",
            object_key="firmware/2.0.0",
            changelog="",
            stable=True,
            uploaded_by=1,
        )
        image_id = self._row(image)
        rollout = FirmwareRollout(
            image_id=image_id,
            percent=10,
            failure_share=0.1,
            failure_minimum=3,
            created_by=1,
            created_at=now,
        )
        self.rollout_id = self._row(rollout)
        self._row(
            FirmwareUpdate(
                device_id=self.ours.device.id,
                image_id=image_id,
                rollout_id=self.rollout_id,
                command_id=self._command(),
                state="completed",
                started_at=now,
                changed_at=now,
                finished_at=now,
            )
        )

    def _member(self) -> int:
        with unit_of_work() as session:
            name = f"m{uuid4().hex[:12]}"
            user = User(username=name, full_name=name, password_hash=NO_PASSWORD)
            session.add(user)
            session.flush()
            session.add(ShopMember(user_id=user.id, shop_id=self.ours.shop.id, role="viewer"))
        return user.id

    def _session(self) -> object:
        made = AccountSession(
            id=uuid4(), user_id=self._member(), created_at=utc_now(), last_used_at=utc_now()
        )
        return self._row(made)

    def _token(self) -> object:
        made = ApiToken(
            user_id=self._member(),
            name="t",
            token_hash=uuid4().bytes,
            beginning="sct_0000",
            permissions=[],
            created_at=utc_now(),
        )
        return self._row(made)

    def _key(self) -> object:
        made = DeviceKey(
            device_id=self.ours.device.id, key_hash=uuid4().bytes, beginning="scd_0000", created_at=utc_now()
        )
        return self._row(made)

    def _command(self) -> object:
        now = utc_now()
        made = DeviceCommand(
            device_id=self.ours.device.id,
            kind="restart",
            body={},
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        return self._row(made)

    def _code(self) -> object:
        now = utc_now()
        made = ClaimCode(
            code_hash=uuid4().bytes,
            shop_id=self.ours.shop.id,
            machine_name="m",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        return self._row(made)

    def _invitation(self) -> object:
        now = utc_now()
        made = Invitation(
            token_hash=uuid4().bytes,
            shop_id=self.ours.shop.id,
            email="a@example.com",
            role="viewer",
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        return self._row(made)

    def _unclaimed_device(self) -> str:
        name = f"NEW_{uuid4().hex[:12]}"
        machine_id = self._row(Machine(name=name))
        self._row(Device(device_id=name, machine_id=machine_id))
        return name

    def _row(self, row: Any) -> Any:
        with unit_of_work() as session:
            session.add(row)
            session.flush()
        return row.id


def _sound() -> BytesIO:
    file = BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000, format="WAV")
    file.seek(0)
    return file
