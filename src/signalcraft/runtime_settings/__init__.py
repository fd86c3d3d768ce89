"""Settings that an administrator may change while the system runs."""
