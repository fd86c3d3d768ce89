"""Old databases as the tests need them: the old servers' own tables, few rows, each with a reason."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

READINGS = """CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL,
timestamp REAL NOT NULL, temperature REAL, vibration_x REAL, vibration_y REAL, vibration_z REAL,
power_consumption REAL, audio_level INTEGER, sensor_quality REAL,
created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX idx_device_time ON sensor_readings (device_id, timestamp)"""
EXPRESS_USERS = """CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT,
username VARCHAR(50) UNIQUE NOT NULL, email VARCHAR(100) UNIQUE NOT NULL,
password_hash VARCHAR(255) NOT NULL, full_name VARCHAR(100), phone VARCHAR(20),
role VARCHAR(20) DEFAULT 'user', additional_info TEXT, created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
updated_at DATETIME DEFAULT CURRENT_TIMESTAMP, last_login DATETIME)"""
FLASK_USERS = """CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE NOT NULL,
password TEXT NOT NULL, name TEXT NOT NULL, phone TEXT, company TEXT, marketing_agree BOOLEAN DEFAULT 0,
created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"""
PERMISSIONS_USERS = """CREATE TABLE users (user_id TEXT PRIMARY KEY, username TEXT UNIQUE NOT NULL,
email TEXT UNIQUE NOT NULL, full_name TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL,
created_at TEXT NOT NULL, updated_at TEXT NOT NULL, last_login TEXT, password_hash TEXT NOT NULL,
profile TEXT DEFAULT '{}', settings TEXT DEFAULT '{}');
CREATE TABLE user_store_access (user_id TEXT NOT NULL, store_id TEXT NOT NULL, permissions TEXT NOT NULL,
granted_by TEXT NOT NULL, granted_at TEXT NOT NULL, expires_at TEXT, PRIMARY KEY (user_id, store_id))"""
STORES = """CREATE TABLE stores (store_id TEXT PRIMARY KEY, store_name TEXT NOT NULL, owner_id TEXT NOT NULL,
created_at TEXT NOT NULL);
CREATE TABLE store_devices (device_id TEXT PRIMARY KEY, store_id TEXT NOT NULL, device_name TEXT NOT NULL,
installed_at TEXT NOT NULL)"""

READING_COLUMNS = (
    "device_id, timestamp, temperature, vibration_x, vibration_y, vibration_z, power_consumption, "
    "audio_level, sensor_quality, created_at"
)
NOW = 1_760_500_000.0
WRITTEN = "2025-10-15 03:46:40"


def reading(
    device: object = "ESP32_001", at: object = NOW, temperature: object = -18.5
) -> tuple[object, ...]:
    return (device, at, temperature, 0.2, 0.1, 0.3, 45.0, 150, 0.95, WRITTEN)


def make(path: Path, schema: str, rows: dict[str, Iterable[Sequence[object]]] | None = None) -> Path:
    """A database with this schema; `rows` by `table (columns)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema)
        add(connection, rows or {})
    return path


def add(connection: sqlite3.Connection, rows: dict[str, Iterable[Sequence[object]]]) -> None:
    for into, values in rows.items():
        listed = list(values)
        if listed:
            marks = ", ".join("?" * len(listed[0]))
            connection.executemany(f"INSERT INTO {into} VALUES ({marks})", listed)  # noqa: S608
    connection.commit()


def readings(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    return make(path, READINGS, {f"sensor_readings ({READING_COLUMNS})": rows})
