"""Health checks and error reporting."""
