"""Virtual machines. Everything they make is synthetic, and must be called so wherever it appears."""

from signalcraft.simulation.cycle import State
from signalcraft.simulation.faults import KINDS, SOUND_BORNE, Fault, Kind, lasting
from signalcraft.simulation.machine import SAMPLE_RATE_HZ, VirtualMachine
from signalcraft.simulation.sensors import Reading

__all__ = [
    "KINDS",
    "SAMPLE_RATE_HZ",
    "SOUND_BORNE",
    "Fault",
    "Kind",
    "Reading",
    "State",
    "VirtualMachine",
    "lasting",
]
