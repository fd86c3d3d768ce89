"""What the queue is called in Redis; apart from `queue`, so that who only counts need not load Celery."""

from signalcraft.settings import Settings

PRIORITY_STEPS = {"high": "", "normal": "\x06\x163", "low": "\x06\x166"}
"""What kombu puts behind the queue's name for each of `priority_steps`: every step is a Redis list."""
UNACKNOWLEDGED = "unacked"
"""Redis hash of the messages that a worker has taken."""


def queue_of(settings: Settings) -> str:
    """Name of the queue of this colour.

    Each colour has its own: code never meets a task of another release that it may not know, and a release
    under trial gets no more of the background work than of the traffic.
    """
    return f"tasks-{settings.colour}"


def queue_lists(settings: Settings) -> dict[str, str]:
    """Redis lists of this colour's queue by priority."""
    return {priority: queue_of(settings) + step for priority, step in PRIORITY_STEPS.items()}
