"""The ecosystem file that PM2 reads."""

import json
from typing import Any

from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import ecosystem
from signalcraft.operations.processes import catalogue
from signalcraft.operations.tiers import GRACE_SECONDS


def entries(instance: Instance) -> dict[str, dict[str, Any]]:
    text = ecosystem(instance, catalogue(instance))
    _, _, document = text.partition("module.exports = ")
    return {entry["name"]: entry for entry in json.loads(document.rstrip().rstrip(";"))["apps"]}


def test_every_process_is_there_and_comes_back_for_ever(made: Instance) -> None:
    apps = entries(made)
    assert list(apps) == [
        "postgres",
        "valkey",
        "gateway-blue",
        "api-blue",
        "link-blue",
        "worker-blue",
        "scheduler",
        "monitor",
        "backups",
        "proxy",
        "watchdog",
    ]
    for entry in apps.values():
        assert entry["autorestart"]
        assert entry["exp_backoff_restart_delay"] <= 1000
        assert entry["out_file"] == entry["error_file"] == f"{made.logs_dir}/{entry['name']}.log"
    for tier in ("gateway-blue", "api-blue", "link-blue"):
        assert apps[tier]["kill_timeout"] > GRACE_SECONDS * 1000


def test_no_secret_is_in_it(made: Instance) -> None:
    text = ecosystem(made, catalogue(made))
    settings = made.settings
    for secret in (settings.database_url, settings.redis_url, settings.token_signing_key):
        value = secret.get_secret_value()
        password = value.split("@")[0].rpartition(":")[2]
        assert value not in text
        assert password not in text


def test_a_changed_setting_means_a_restart_of_the_applications_only(made: Instance) -> None:
    changed = Instance(
        settings=made.settings.model_copy(update={"clip_limit_seconds": 60.0}),
        embeds_postgres=True,
        embeds_valkey=True,
    )
    before = {process.name: process.fingerprint for process in catalogue(made)}
    after = {process.name: process.fingerprint for process in catalogue(changed)}
    assert {name for name in before if before[name] != after[name]} == {
        "gateway-blue",
        "api-blue",
        "link-blue",
        "worker-blue",
        "scheduler",
        "monitor",
        "backups",
    }
