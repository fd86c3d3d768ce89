"""Clips become features, features a diagnosis; a baseline is what a machine sounds like when healthy."""
