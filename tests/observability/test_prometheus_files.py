"""What Prometheus and Grafana are given: rules and dashboards that ask only for what is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, Metric

from signalcraft.dashboards.system_metrics import SystemFacts
from signalcraft.monitor.deployments import Deployments
from signalcraft.monitor.proxy import Proxy
from signalcraft.operations import prometheus
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import block_ports
from signalcraft.settings import Settings

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
NAME = re.compile(r"\bsignalcraft_[a-z_]+")


@pytest.fixture
def families(settings: Settings, database: None) -> dict[str, Metric]:
    """Every family that any process says, by name."""
    here = Instance(settings=settings, embeds_postgres=True, embeds_valkey=True)
    of_monitor = (SystemFacts(), Deployments(here), Proxy(here))
    known = [*REGISTRY.collect(), *(family for each in of_monitor for family in each.collect())]
    return {family.name: family for family in known}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"]]


def test_rules_and_dashboards_ask_only_for_what_is_counted(families: dict[str, Metric]) -> None:
    asked = [rule["expr"] for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(asked) > 30
    samples = {
        f"{name}{suffix}"
        for name, family in families.items()
        for suffix in {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
        }.get(family.type, ("",))
    }
    unknown = {name for text in asked for name in NAME.findall(text)} - samples
    assert unknown == set()


def test_names_follow_the_conventions(families: dict[str, Metric]) -> None:
    ours = [family for name, family in families.items() if name.startswith("signalcraft_")]
    assert len(ours) > 25
    for family in ours:
        assert family.documentation.endswith((".", "…", "0.")), family.name
        assert not family.name.endswith("_total"), family.name  # added where it is written
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_every_alert_says_why_and_what_to_do_first() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["first_step"]


def test_every_alert_has_its_place_in_the_runbook() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    linked = {rule["annotations"]["runbook_url"].removeprefix("docs/runbook.md#") for rule in rules()}
    assert linked - anchors == set()


def test_dashboards_are_whole() -> None:
    identifiers = [json.loads(file.read_text())["uid"] for file in DASHBOARDS]
    assert len(identifiers) == len(set(identifiers)) == 2
    for panel in panels():
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)) > 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_itself_takes_the_rules(tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    configuration = (RULES.parent / "prometheus.yml").read_text().replace("DATA_DIR", str(tmp_path))
    (tmp_path / "prometheus.yml").write_text(configuration)
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_targets_are_ports_of_the_instance_s_own(settings: Settings) -> None:
    instance = Instance(settings=settings, embeds_postgres=True, embeds_valkey=True)
    prometheus.write_targets(instance)
    written = json.loads((instance.run_dir / "prometheus-targets.json").read_text())
    ports = [int(address.rpartition(":")[2]) for entry in written for address in entry["targets"]]
    assert len(ports) == len(set(ports)) == 11
    assert set(ports) <= set(block_ports(settings.internal_port_base))
    assert {entry["labels"]["process"] for entry in written} == {
        "gateway",
        "api",
        "link",
        "worker",
        "scheduler",
        "monitor",
    }
