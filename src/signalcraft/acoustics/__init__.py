"""Clips become features, features become a diagnosis; baselines are what a machine sounds like when healthy."""
