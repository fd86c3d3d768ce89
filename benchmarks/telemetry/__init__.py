"""Benchmarks of readings: how they come in, how they are kept, how they are read."""
