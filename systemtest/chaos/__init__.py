"""Faults by a seed against an instance of their own, and what must be true after them (docs/chaos.md)."""
