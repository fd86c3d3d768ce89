"""The server is crashed and restarted while clients write: what was acknowledged is there."""

from flask import Flask
from writers import accepted, wait_for_more, writing

from server_host import ServerHost

AWAY_SECONDS = 2.5


def test_no_acknowledged_reading_is_lost_when_the_server_crashes(
    api_app: Flask, database: None, as_api: None, quick_recovery: None, server_host: ServerHost
) -> None:
    with writing(api_app) as writers:
        wait_for_more(writers, accepted(writers) + 60)
        # All at once, in the middle of whatever it does, and back as soon as it can.
        server_host.restart("postgres", signal="SIGQUIT")
        wait_for_more(writers, accepted(writers) + 60)
        # In order, and away for longer than a request waits.
        server_host.restart("postgres", signal="SIGINT", away_seconds=AWAY_SECONDS)
        wait_for_more(writers, accepted(writers) + 60)
    assert any(writer.answers[503] for writer in writers)
