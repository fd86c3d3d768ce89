"""What is wrong, and how sure is that? Conditions, indicators, and the methods that weigh them. Pure numeric.

A method that was used once is never edited, only succeeded: stored diagnoses name theirs.
"""

from signalcraft.anomaly.diagnosis.combined import diagnose, diagnose_unheard
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, FAULTS, UNKNOWN
from signalcraft.anomaly.diagnosis.findings import Diagnosis, Evidence, Finding
from signalcraft.anomaly.diagnosis.indicators import measure
from signalcraft.anomaly.diagnosis.learned_v1 import Head, fit_head

__all__ = [
    "CONDITIONS",
    "FAULTS",
    "UNKNOWN",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Head",
    "diagnose",
    "diagnose_unheard",
    "fit_head",
    "measure",
]
