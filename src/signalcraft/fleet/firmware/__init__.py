"""Firmware images: signed, kept, rolled out in stages, stopped and taken back when they fail."""
