"""Virtual machines. Everything they make is synthetic, and must be called so wherever it appears."""

from signalcraft.simulation.machine import Fault, Reading, VirtualMachine

__all__ = ["Fault", "Reading", "VirtualMachine"]
