"""Backups and how they are brought back: database, write-ahead log, sound, keys and settings."""
