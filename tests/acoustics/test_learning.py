"""What a person reads while a machine is learned."""

from hearing import hear, hum

from people import FleetFixture
from signalcraft.acoustics import baselines
from signalcraft.db.session import unit_of_work


def test_the_sentence_counts_as_the_progress_does(fleet: FleetFixture) -> None:
    for number in (1, 2, 3):
        found = hear(fleet.device, hum(number))
        with unit_of_work() as session:
            progress = baselines.progress(session, [fleet.machine.id])[fleet.machine.id]
        assert found.summary is not None
        assert f"({number} of " in found.summary["en"]
        assert progress["clips"] == number
