"""A stand-in for the two web tiers, for what the real system can't be made to do on demand.

Tokens that expire, streams that are refused, snapshots that come late. Pages talk to it exactly as they talk
to the real one.
"""

import io
import json
import queue
import re
import threading
import uuid
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fake_devices
import numpy as np
from fake_accounts import ACCOUNT_ANSWERS, ADMINISTRATOR, Answer
from fake_data import (
    CONDITIONS,
    LEARNING_CLIPS,
    Json,
    ago,
    alarm,
    analysis,
    baseline,
    detail,
    machine,
    readings,
)
from PIL import Image

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self'; script-src 'self'; connect-src 'self'"
)
SIGN_INS = ("/api/auth/login", "/api/auth/second-factor")
CONTENT_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class FakeSystem:
    """Serves the pages and made-up data on a free port until `stop`. Tests turn switches and push events."""

    def __init__(self, port: int = 0) -> None:
        self.access_token = "first"
        self.signed_in = False
        self.stream_works = True
        self.snapshot_works = True
        self.last_event_id = 100
        self.shops: list[Json] = []
        self.unclaimed: list[Json] = []
        self.analyses: dict[int, list[Json]] = {}
        self.labels: list[Json] = []
        self.baselines = [baseline(2, "shadow"), baseline(1, "active", figures=None)]
        self.devices = fake_devices.FakeDevices()
        self.answers: dict[str, Answer] = dict(ACCOUNT_ANSWERS)
        self.calls: list[str] = []
        self.streams: list[queue.Queue[bytes | None]] = []
        system = self

        class Handler(_Handler):
            fake = system

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.end_streams()
        self.server.shutdown()
        self.server.server_close()

    def end_streams(self) -> None:
        for stream in self.streams:
            stream.put(None)

    def push(self, event: Json, *, durable: bool = True) -> None:
        head = ""
        if durable:
            self.last_event_id += 1
            head = f"id: {self.last_event_id}\n"
        frame = f"{head}data: {json.dumps(event)}\n\n".encode()
        for stream in self.streams:
            stream.put(frame)

    def add_shop(self, name: str, machines: list[Json], light: str = "green") -> Json:
        shop = {"id": len(self.shops) + 1, "name": name, "light": light, "machines": machines}
        for item in machines:
            item["shop_id"] = shop["id"]
        self.shops.append(shop)
        return shop

    def machine(self, identity: int) -> Json:
        everything = [item for shop in self.shops for item in shop["machines"]] + self.unclaimed
        return next(item for item in everything if item["id"] == identity)

    def raise_alarm(self, identity: int, *, tell: bool = True) -> Json:
        subject = self.machine(identity)
        raised = alarm(subject)
        subject |= {"light": "red", "open_alarm": raised}
        if tell:
            self.push({"type": "alarm.raised", "machine_id": identity, "light": "red", "alarm": raised})
        return raised


class _Handler(BaseHTTPRequestHandler):
    fake: FakeSystem
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Silence: the test's own report says what matters."""

    def do_GET(self) -> None:
        self.route("GET")

    def do_POST(self) -> None:
        self.route("POST")

    def do_PATCH(self) -> None:
        self.route("PATCH")

    def do_PUT(self) -> None:
        self.route("PUT")

    def do_DELETE(self) -> None:
        self.route("DELETE")

    def route(self, method: str) -> None:
        path = self.path.partition("?")[0]
        self.raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_json = self.headers.get("Content-Type") == "application/json"
        self.body: Json = json.loads(self.raw) if is_json else {}
        self.fake.calls.append(f"{method} {path}")
        if not path.startswith("/api/"):
            self.send_page(path)
            return
        if method != "GET" and self.headers.get("X-Requested-With") != "signalcraft":
            self.send_problem(403, "X-Requested-With is missing")
            return
        prepared = self.fake.answers.get(f"{method} {path}")
        if prepared:
            status, document = prepared(self.body)
            if path in SIGN_INS and "user" in document:
                self.grant(**document)
            elif status < 400:
                self.send_json(document, status)
            else:
                self.send_problem(status, **document)
            return
        for (wanted, pattern), answer in (ROUTES | fake_devices.ROUTES).items():
            match = re.fullmatch(pattern, path)
            if wanted == method and match:
                public = path in ("/api/auth/login", "/api/auth/refresh", "/api/auth/logout")
                cookies = self.headers.get("Cookie") or ""
                if not public and f"access={self.fake.access_token}" not in cookies:
                    self.send_problem(401, "Sign in, please")
                else:
                    answer(self, *match.groups())
                return
        self.send_problem(404, "No such thing")

    def send_page(self, path: str) -> None:
        web = resources.files("signalcraft.web")
        file = web.joinpath(path.lstrip("/")) if path.startswith("/static/") else web.joinpath("index.html")
        if not file.is_file():
            self.send_problem(404, path)
            return
        kind = CONTENT_TYPES[file.name.rpartition(".")[2]]
        self.send_bytes(200, f"{kind}; charset=utf-8", file.read_bytes())

    def send_json(self, document: Json, status: int = 200, **headers: str) -> None:
        content = json.dumps({"success": True} | document).encode()
        self.send_bytes(status, "application/json", content, **headers)

    def send_problem(self, status: int, detail: str, **members: Any) -> None:
        problem = {"type": "about:blank", "status": status, "detail": detail} | members
        self.send_bytes(status, "application/problem+json", json.dumps(problem).encode())

    def send_bytes(self, status: int, kind: str, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(content)

    # -- people

    def login(self) -> None:
        if self.body.get("password") != "right":
            self.send_problem(401, "Wrong name or password")
            return
        self.grant()

    def refresh(self) -> None:
        if not self.fake.signed_in:
            self.send_problem(401, "Signed out")
            return
        self.grant()

    def grant(self, user: Json = ADMINISTRATOR, **more: Any) -> None:
        self.fake.signed_in = True
        cookie = f"access={self.fake.access_token}; Path=/; HttpOnly; SameSite=Lax"
        self.send_json({"user": user, "expires_in": 900} | more, Set_Cookie=cookie)

    def logout(self) -> None:
        self.fake.signed_in = False
        self.fake.access_token = uuid.uuid4().hex
        self.send_json({})

    def verify(self) -> None:
        self.send_json({"user": ADMINISTRATOR})

    # -- machines

    def overview(self) -> None:
        if not self.fake.snapshot_works:
            self.send_problem(503, "The other tier is starting")
            return
        self.send_json(
            {
                "generated_at": ago(seconds=0),
                "last_event_id": self.fake.last_event_id,
                "shops": self.fake.shops,
                "unclaimed": self.fake.unclaimed,
            }
        )

    def stream(self) -> None:
        if not self.fake.stream_works:
            self.send_problem(503, "No streams now")
            return
        frames: queue.Queue[bytes | None] = queue.Queue()
        self.fake.streams.append(frames)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b'retry: 2000\n\ndata: {"type": "connected", "message": "fake"}\n\n')
        try:
            while (frame := frames.get()) is not None:
                self.wfile.write(frame)
                self.wfile.flush()
        except OSError:
            pass  # the page went away
        finally:
            self.fake.streams.remove(frames)
            self.close_connection = True

    def acknowledge(self, identity: str) -> None:
        for shop in self.fake.shops:
            for item in shop["machines"]:
                found = item["open_alarm"]
                if found and str(found["id"]) == identity:
                    found |= {"state": "active_acknowledged", "acknowledged_by": "admin"}
                    self.send_json({"alarm": found})
                    return
        self.send_problem(404, "No such alarm")

    def readings(self, identity: str) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        self.send_json(readings(query["from"], query["to"], int(query["points"]), seed=int(identity)))

    def analyses(self, identity: str) -> None:
        known = self.fake.analyses.get(int(identity)) or [self.fake.machine(int(identity))["latest_analysis"]]
        self.send_json({"analyses": [item for item in known if item]})

    def analysis(self, identity: str) -> None:
        known = [item["latest_analysis"] for shop in self.fake.shops for item in shop["machines"]]
        known += [item for several in self.fake.analyses.values() for item in several]
        found = next(item for item in known if item and item["id"] == identity)
        self.send_json({"analysis": detail(found, 1)})

    # -- learning

    def conditions(self) -> None:
        self.send_json({"conditions": CONDITIONS})

    def labels(self, identity: str) -> None:
        mine = [one for one in self.fake.labels if one["analysis_id"] == identity]
        self.send_json({"labels": [one | {"superseded": one is not mine[-1]} for one in mine[::-1]]})

    def add_label(self, identity: str) -> None:
        given = {
            "id": len(self.fake.labels) + 1,
            "analysis_id": identity,
            "machine_id": 1,
            "author": "admin",
            "at": ago(seconds=0),
            "verdict": self.body["verdict"],
            "condition": self.body.get("condition"),
            "reason": self.body.get("reason"),
            "superseded": False,
            "result": {},
        }
        self.fake.labels.append(given)
        closed = []
        if given["verdict"] in ("dismiss", "fixed"):
            for item in (item for shop in self.fake.shops for item in shop["machines"]):
                if item["open_alarm"]:
                    closed.append(item["open_alarm"]["id"])
                    item |= {"open_alarm": None, "light": "green"}
        self.send_json({"label": given, "alarms_closed": closed}, status=201)

    def models(self, _: str) -> None:
        self.send_json({"baselines": self.fake.baselines, "state_model": None, "runs": []})

    def heads(self) -> None:
        self.send_json({"heads": [], "runs": [], "labels": 7, "needed": 5})

    def decide_baseline(self, identity: str) -> None:
        found = next(one for one in self.fake.baselines if str(one["id"]) == identity)
        found["status"] = "active" if self.body["decision"] == "promote" else "dropped"
        decision = {"status": found["status"], "rule": None, "reason": None, "at": ago()}
        found["decision"] = decision | {"person": "admin"}
        self.send_json({"baseline": found})

    def audio(self, _: str) -> None:
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as sound:
            sound.setparams((1, 2, 16_000, 0, "NONE", ""))
            hum = np.sin(2 * np.pi * 120 * np.arange(160_000) / 16_000) * 6000
            sound.writeframes(hum.astype("<i2").tobytes())
        self.send_bytes(200, "audio/wav", buffer.getvalue())

    def spectrogram(self, _: str) -> None:
        height, width = 300, 900
        rows = np.linspace(1, 0, height)[:, None]
        hum = 0.75 * np.exp(-3 * rows) + 0.3 * np.exp(-(((rows - 0.5) / 0.06) ** 2))
        level = np.clip(hum + np.random.default_rng(1).normal(0, 0.06, (height, width)), 0, 1)
        buffer = io.BytesIO()
        Image.fromarray((level * 255).astype(np.uint8)).save(buffer, "png")
        scale = {"Min_Hz": "0", "Max_Hz": "8000", "Duration_S": "10", "Min_Db": "-90", "Max_Db": "-20"}
        headers = {f"X_Spectrogram_{name}": value for name, value in scale.items()}
        self.send_bytes(200, "image/png", buffer.getvalue(), X_Spectrogram_Scale="mel", **headers)

    def rename(self, identity: str) -> None:
        self.fake.machine(int(identity)).update(self.body)
        self.send_json({"machine": self.fake.machine(int(identity))})

    def create_shop(self) -> None:
        self.send_json({"shop": self.fake.add_shop(self.body["name"], [])}, status=201)

    def claim(self, device_id: str) -> None:
        card = next(item for item in self.fake.unclaimed if item["device"]["device_id"] == device_id)
        self.fake.unclaimed.remove(card)
        shop = next(shop for shop in self.fake.shops if shop["id"] == self.body["shop_id"])
        card |= {"name": self.body["machine_name"], "shop_id": shop["id"]}
        shop["machines"].append(card)
        self.fake.push({"type": "machine.changed", "machine_id": card["id"]})
        self.send_json({"machine": card})


ROUTES: dict[tuple[str, str], Callable[..., None]] = {
    ("POST", "/api/auth/login"): _Handler.login,
    ("POST", "/api/auth/refresh"): _Handler.refresh,
    ("POST", "/api/auth/logout"): _Handler.logout,
    ("GET", "/api/auth/verify"): _Handler.verify,
    ("GET", "/api/dashboard/overview"): _Handler.overview,
    ("GET", "/api/notifications/stream"): _Handler.stream,
    ("POST", "/api/alarms/([^/]+)/acknowledge"): _Handler.acknowledge,
    ("GET", "/api/machines/([^/]+)/readings"): _Handler.readings,
    ("GET", "/api/machines/([^/]+)/analyses"): _Handler.analyses,
    ("PATCH", "/api/machines/([^/]+)"): _Handler.rename,
    ("GET", "/api/analyses/([^/]+)"): _Handler.analysis,
    ("GET", "/api/conditions"): _Handler.conditions,
    ("GET", "/api/analyses/([^/]+)/labels"): _Handler.labels,
    ("POST", "/api/analyses/([^/]+)/labels"): _Handler.add_label,
    ("GET", "/api/machines/([^/]+)/models"): _Handler.models,
    ("GET", "/api/heads"): _Handler.heads,
    ("POST", "/api/baselines/([^/]+)/decision"): _Handler.decide_baseline,
    ("GET", "/api/clips/([^/]+)/audio"): _Handler.audio,
    ("GET", "/api/clips/([^/]+)/spectrogram.png"): _Handler.spectrogram,
    ("POST", "/api/shops"): _Handler.create_shop,
    ("POST", "/api/devices/([^/]+)/claim"): _Handler.claim,
}


def fake_system() -> Iterator[FakeSystem]:
    """A system with one shop of each light, and a device that waits for its owner."""
    system = FakeSystem()
    learning = {"state": "learning", "clips": 23, "needed": LEARNING_CLIPS, "version": None}
    system.add_shop("강남점", [machine(1, "아이스크림 냉동고 1", None, "green")])
    system.add_shop(
        "분당점",
        [
            machine(
                2,
                "쇼케이스 냉동고",
                None,
                "blue",
                baseline=learning,
                latest_analysis=analysis(None, ago(minutes=1)),
            )
        ],
    )
    system.unclaimed.append(machine(7, "ESP32_007", None, "grey", latest_analysis=None))
    yield system
    system.stop()
