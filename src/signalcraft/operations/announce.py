"""Tells the tracker of errors that a release was deployed.

Sentry's interface for releases needs a token of an organization, not the DSN that we have. A message in the
stream of events needs nothing more: it is filed under the new release and marks the moment in the tracker.
"""

import sentry_sdk

from signalcraft.settings import Settings

FLUSH_SECONDS = 2.0
"""A deployment waits no longer for a tracker that does not answer."""


def deployment(settings: Settings, *, release: str, colour: str, outcome: str) -> None:
    """Announce a deployment; nothing happens while no tracker is set.

    outcome : such as `finished` or `rolled_back`.
    """
    if settings.sentry_dsn is None:
        return
    client = sentry_sdk.Client(
        dsn=settings.sentry_dsn.get_secret_value(),
        release=release,
        environment=settings.environment,
        default_integrations=False,
        server_name="deploy",
    )
    client.capture_event(
        {
            "message": f"Deployment of {release}: {outcome}",
            "level": "info",
            "tags": {"colour": colour, "outcome": outcome},
            # One issue for all deployments: each of them is an event of it.
            "fingerprint": ["deployment"],
        }
    )
    client.close(timeout=FLUSH_SECONDS)
