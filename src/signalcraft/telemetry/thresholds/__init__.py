"""Limits on readings: when a value becomes an alarm, and when it ends."""
