"""What a diagnosis says: conditions with probabilities, and the evidence for and against each."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, UNKNOWN, Condition, Text


@dataclass(frozen=True)
class Evidence:
    """One indicator's say about one condition.

    delta: in `unit`, against the machine's baseline; deviations: the same in robust standard deviations.
    weight: log-likelihood ratio of the condition against "unknown", in nats; positive speaks for it.
    text: what was observed.
    """

    indicator: str
    delta: float
    unit: str
    deviations: float
    weight: float
    text: Text


@dataclass(frozen=True)
class Finding:
    """condition: of `CONDITIONS`. probability: 0 to 1. evidence: the weightiest first, for and against."""

    condition: str
    probability: float
    evidence: tuple[Evidence, ...] = ()

    @property
    def about(self) -> Condition:
        return CONDITIONS[self.condition]


@dataclass(frozen=True)
class Diagnosis:
    """method: names of what made it. findings: the most probable first; their probabilities add up to 1, and
    `unknown_anomaly` is always among them. Conditions without any evidence for them are not."""

    method: str
    findings: tuple[Finding, ...]

    @property
    def best(self) -> Finding:
        return self.findings[0]

    @property
    def condition(self) -> str:
        return self.best.condition

    def probability(self, condition: str) -> float:
        return next((f.probability for f in self.findings if f.condition == condition), 0.0)

    def as_json(self) -> dict[str, Any]:
        """For storing and for programs: plain lists, dictionaries, numbers."""
        return {
            "method": self.method,
            "conditions": [
                {
                    "condition": finding.condition,
                    "title": finding.about.title,
                    "urgency": finding.about.urgency,
                    "probability": finding.probability,
                    "evidence": [asdict(evidence) for evidence in finding.evidence],
                }
                for finding in self.findings
            ],
        }


def ranked(method: str, findings: Iterable[Finding]) -> Diagnosis:
    """Most probable first; with equal probabilities `unknown_anomaly` goes first, as it claims least."""
    order = sorted(findings, key=lambda f: (-f.probability, f.condition != UNKNOWN, f.condition))
    return Diagnosis(method, tuple(order))
