"""The Celery processes: `worker` and `scheduler`."""
