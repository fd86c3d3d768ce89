"""The part of the stand-in that is about devices: state, settings, commands, limits, firmware."""

import hashlib
import itertools
from collections.abc import Callable
from typing import Any

from fake_data import Json, ago, text

RIGHTS = ["device.manage", "threshold.manage", "export.read"]


def health() -> Json:
    terms = (
        ("temperature_c", -16.2, 17.4, "목표 -20 °C에서 3.8 °C 벗어남", "3.8 °C away from -20 °C"),
        ("vibration_g", 0.06, 24.4, "진동 0.06 g", "0.06 g of vibration"),
        ("power_percent", 71.0, 14.5, "전력 71 %: 50 %를 넘음", "71 % of power, over 50 %"),
    )
    return {
        "score": 75.1,
        "band": "warning",
        "quality": 1.0,
        "reason": text("75점 중 56.3점", "56.3 of 75 points"),
        "terms": [
            {"field": field, "value": value, "points": points, "of": 25.0, "reason": text(ko, en)}
            for field, value, points, ko, en in terms
        ],
    }


def device(device_id: str, **changes: Any) -> Json:
    values: Json = {
        "device_id": device_id,
        "machine_id": 1,
        "machine_name": "아이스크림 냉동고 1",
        "shop_id": 1,
        "shop_name": "강남점",
        "device_type": "freezer",
        "vibration_unit": "g",
        "status": "online",
        "last_seen_at": ago(seconds=1),
        "rhythm_s": 1.0,
        "late_after_s": 20.0,
        "offline_after_s": 60.0,
        "firmware_version": "1.3.0",
        "hardware_version": "ESP32_v1",
        "boot_count": 4,
        "rssi_dbm": -61,
        "free_heap_bytes": 143_360,
        "uptime_ms": 7_260_000,
        "told_at": ago(seconds=20),
        "id_conflict_at": None,
        "open_commands": 0,
        "values": None,
        "health": health(),
    }
    return values | changes


def threshold(name: str, field: str, unit: str, limit: float, *, alarm: bool, **changes: Any) -> Json:
    values: Json = {
        "name": name,
        "field": field,
        "unit": unit,
        "direction": "above",
        "limit": limit,
        "hysteresis": 1.0,
        "delay_on_s": 300.0 if alarm else 0.0,
        "delay_off_s": 60.0,
        "severity": "critical",
        "alarm": alarm,
        "enabled": True,
        "set_here": False,
    }
    return values | changes


def defaults() -> list[Json]:
    return [
        threshold("temperature_alert", "temperature_c", "°C", 5.0, alarm=True),
        threshold("temperature_low", "temperature_c", "°C", -25.0, alarm=False, direction="below"),
        threshold("vibration_alert", "vibration_g", "g", 2.0, alarm=True),
        threshold("audio_high", "audio_level", "", 1000.0, alarm=False),
    ]


class FakeDevices:
    """What is known of the devices; `may` is what the person may do with them."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.may = list(RIGHTS)
        self.cards = [
            device("ESP32_001"),
            device("ESP32_002", machine_id=2, machine_name="쇼케이스 냉동고", shop_id=2, shop_name="분당점"),
        ]
        self.settings: Json = {
            "version": 0,
            "upload_interval_s": 10,
            "sample_rate_hz": 16_000,
            "changed_at": None,
            "applied_version": None,
            "applied_at": None,
        }
        self.commands: list[Json] = []
        self.own_limits: Json = {}
        self.images: list[Json] = []
        self.rollouts: list[Json] = []

    def order(self, kind: str) -> Json:
        command = {
            "id": next(self.ids),
            "kind": kind,
            "body": {},
            "state": "queued",
            "created_at": ago(seconds=0),
            "expires_at": ago(hours=-1),
            "delivered_at": None,
            "deliveries": 0,
            "finished_at": None,
            "message": None,
        }
        self.commands.insert(0, command)
        return command

    def card(self, device_id: str) -> Json:
        return next((card for card in self.cards if card["device_id"] == device_id), device(device_id))


def list_devices(handler: Any) -> None:
    handler.send_json({"success": True, "devices": handler.fake.devices.cards})


def show(handler: Any, device_id: str) -> None:
    known: FakeDevices = handler.fake.devices
    detail = {"settings": known.settings, "commands": known.commands[:10], "may": known.may}
    clock = {"drift_ppm": 21.0, "learned_at": ago(hours=2)}
    handler.send_json({"success": True, "device": known.card(device_id), "clock": clock} | detail)


def export(handler: Any, device_id: str) -> None:
    disposition = f'attachment; filename="{device_id}.csv"'
    handler.send_bytes(200, "text/csv", b"measured_at\n", Content_Disposition=disposition)


def change(handler: Any, device_id: str) -> None:
    handler.fake.devices.card(device_id).update(handler.body)
    show(handler, device_id)


def change_settings(handler: Any, _: str) -> None:
    known: FakeDevices = handler.fake.devices
    known.settings |= handler.body | {"version": known.settings["version"] + 1, "changed_at": ago(seconds=0)}
    known.order("config")
    handler.send_json({"success": True, "settings": known.settings})


def order(handler: Any, _: str) -> None:
    handler.send_json({"success": True, "command": handler.fake.devices.order(handler.body["kind"])}, 202)


def cancel(handler: Any, _: str, identity: str) -> None:
    found = next(one for one in handler.fake.devices.commands if str(one["id"]) == identity)
    found |= {"state": "cancelled", "finished_at": ago(seconds=0)}
    handler.send_json({"success": True, "command": found})


def limits(handler: Any) -> None:
    handler.send_json({"success": True, "defaults": defaults(), "types": []})


def limits_of_device(handler: Any, device_id: str) -> None:
    own = handler.fake.devices.own_limits
    shown = [one | own.get(one["name"], {}) | {"set_here": one["name"] in own} for one in defaults()]
    handler.send_json(
        {"success": True, "device_id": device_id, "device_type": "freezer", "thresholds": shown}
    )


def set_limits(handler: Any, device_id: str) -> None:
    wanted = handler.body["thresholds"]
    if wanted.get("temperature_alert", {}).get("limit", 0) > 125:
        handler.send_problem(
            422,
            "Not possible",
            errors=[
                {
                    "field": "thresholds.temperature_alert.limit",
                    "message": "The sensor measures -55 to 125 °C.",
                }
            ],
        )
        return
    handler.fake.devices.own_limits = wanted
    limits_of_device(handler, device_id)


def images(handler: Any) -> None:
    handler.send_json({"success": True, "images": handler.fake.devices.images})


def upload(handler: Any) -> None:
    known: FakeDevices = handler.fake.devices
    digest = hashlib.sha256(handler.raw).hexdigest()
    if handler.headers["X-SHA256"] != digest or handler.headers["X-Firmware-Signature"] != "signed":
        handler.send_problem(422, "The signature is not one of the operator's.")
        return
    image = {
        "id": next(known.ids),
        "version": handler.headers["X-Firmware-Version"],
        "build_number": 1,
        "hardware": handler.headers["X-Firmware-Hardware"],
        "size_bytes": len(handler.raw),
        "sha256": digest,
        "signature": "signed",
        "key_id": "a1b2c3d4",
        "changelog": "",
        "stable": True,
        "uploaded_at": ago(seconds=0),
    }
    known.images.insert(0, image)
    handler.send_json({"success": True, "image": image}, 201)


def rollouts(handler: Any) -> None:
    handler.send_json({"success": True, "rollouts": handler.fake.devices.rollouts})


def begin_rollout(handler: Any) -> None:
    known: FakeDevices = handler.fake.devices
    image = next(one for one in known.images if one["id"] == handler.body["image_id"])
    rollout = {
        "id": next(known.ids),
        "image_id": image["id"],
        "version": image["version"],
        "hardware": image["hardware"],
        "state": "running",
        "percent": handler.body["percent"],
        "shop_ids": handler.body["shop_ids"],
        "failure_share": 0.1,
        "failure_minimum": 2,
        "created_at": ago(seconds=0),
        "ended_at": None,
        "reason": None,
        "updates": {
            "pending": 1,
            "downloading": 1,
            "installing": 0,
            "completed": 3,
            "failed": 1,
            "cancelled": 0,
        },
    }
    known.rollouts.insert(0, rollout)
    handler.send_json({"success": True, "rollout": rollout}, 201)


def change_rollout(handler: Any, identity: str, ending: str | None = None) -> None:
    rollout = next(one for one in handler.fake.devices.rollouts if str(one["id"]) == identity)
    if ending:
        state = {"stop": "stopped", "rollback": "rolled_back"}[ending]
        rollout |= {"state": state, "ended_at": ago(seconds=0), "reason": handler.body["reason"]}
    else:
        rollout |= handler.body
    handler.send_json({"success": True, "rollout": rollout})


ROUTES: dict[tuple[str, str], Callable[..., None]] = {
    ("GET", "/api/devices"): list_devices,
    ("GET", "/api/devices/([^/]+)"): show,
    ("GET", "/api/devices/([^/]+)/readings/export"): export,
    ("PATCH", "/api/devices/([^/]+)"): change,
    ("PATCH", "/api/devices/([^/]+)/settings"): change_settings,
    ("POST", "/api/devices/([^/]+)/commands"): order,
    ("DELETE", "/api/devices/([^/]+)/commands/([^/]+)"): cancel,
    ("GET", "/api/thresholds"): limits,
    ("GET", "/api/devices/([^/]+)/thresholds"): limits_of_device,
    ("PUT", "/api/devices/([^/]+)/thresholds"): set_limits,
    ("GET", "/api/firmware/images"): images,
    ("POST", "/api/firmware/images"): upload,
    ("GET", "/api/firmware/rollouts"): rollouts,
    ("POST", "/api/firmware/rollouts"): begin_rollout,
    ("PATCH", "/api/firmware/rollouts/([^/]+)"): change_rollout,
    ("POST", "/api/firmware/rollouts/([^/]+)/(stop|rollback)"): change_rollout,
}
