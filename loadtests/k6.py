"""Runs a journey with k6 and reads what it measured."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STATISTICS = ["count", "avg", "min", "med", "p(90)", "p(95)", "p(99)", "max"]
THRESHOLDS_FAILED = 99
"""What k6 exits with when a threshold was crossed."""
ADDRESSES = "127.1.0.1-127.1.3.250"
"""Of the virtual users, all on the loopback: to the quotas by address, which stay as shipped, they are what
they stand for: people in many places."""


@dataclass(frozen=True)
class Run:
    """One run's metrics as k6 summarises them; times in ms."""

    metrics: dict[str, Any]
    root_group: dict[str, Any]
    """The checks, in the groups of the script."""

    def statistics(self, name: str) -> dict[str, float]:
        """Of a metric; empty where nothing was measured."""
        return dict(self.metrics.get(name, {}).get("values", {}))

    @property
    def failed_checks(self) -> dict[str, int]:
        """How often each claim about an answer did not hold."""
        return {check["name"]: check["fails"] for check in _checks(self.root_group) if check["fails"]}

    @property
    def crossed(self) -> list[str]:
        """The thresholds that did not hold."""
        return [
            f"{name}: {expression}"
            for name, metric in self.metrics.items()
            for expression, outcome in metric.get("thresholds", {}).items()
            if not outcome["ok"]
        ]


def _checks(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [*group["checks"], *(check for one in group["groups"] for check in _checks(one))]


def run(
    script: str,
    *,
    scenarios: Mapping[str, Mapping[str, Any]],
    thresholds: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    folder: Path,
) -> Run:
    """Run a script to its end.

    Parameters
    ----------
    environment : what `lib/stage.js` reads.
    folder : for the files that k6 is told by and tells in.

    Raises
    ------
    RuntimeError
        The script could not be run; the message is what k6 said.
    """
    options, summary = folder / "options.json", folder / "summary.json"
    summary.unlink(missing_ok=True)
    options.write_text(
        json.dumps(
            {
                "scenarios": scenarios,
                "thresholds": thresholds,
                "summaryTrendStats": STATISTICS,
                "noUsageReport": True,
            }
        )
    )
    done = subprocess.run(
        [
            Path(sys.prefix) / "bin" / "k6", "run", "--quiet", "--no-usage-report", "--address", "",
            "--config", options, "--local-ips", ADDRESSES,
            HERE / f"{script}.js",
        ],
        env={**os.environ, **environment, "SUMMARY": str(summary)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode not in (0, THRESHOLDS_FAILED) or not summary.exists():
        raise RuntimeError(f"k6 could not run {script}: {done.stderr[-2000:]}")
    document = json.loads(summary.read_text())
    return Run(document["metrics"], document["root_group"])
