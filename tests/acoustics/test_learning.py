"""What a person reads while a machine is learned."""

from typing import Any
from uuid import UUID

import numpy as np

from signalcraft.acoustics import analysis, baselines, reception
from signalcraft.acoustics.models import Analysis
from signalcraft.db.session import unit_of_work

RATE = 16_000


def hear(device: Any, seed: int) -> UUID:
    noise = np.random.default_rng(seed).normal(0, 0.02, 2 * RATE)
    with unit_of_work() as session:
        received = reception.receive_node_clip(
            session,
            device,
            (noise * 32767).astype("<i2").tobytes(),
            sample_rate_hz=RATE,
            bits_per_sample=16,
            measured_at=None,
        )
    assert received.analysis_id is not None
    analysis.work_on(received.analysis_id, redelivered=False)
    return received.analysis_id


def test_the_sentence_counts_as_the_progress_does(fleet: Any) -> None:
    for number in (1, 2, 3):
        analysis_id = hear(fleet.device, number)
        with unit_of_work() as session:
            found = session.get_one(Analysis, analysis_id)
            progress = baselines.progress(session, [fleet.machine.id])[fleet.machine.id]
        assert found.summary is not None
        assert f"({number} of " in found.summary["en"]
        assert progress["clips"] == number
