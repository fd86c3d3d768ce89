"""The api tier as it would be without a queue: a clip's upload is answered when its analysis is done.

    gunicorn --config python:signalcraft.api.gunicorn_conf "benchmarks.analysis_in_request:create_app()"

Everything else is the tier's own. It exists to be measured beside it (`benchmarks/queue_decision.py`).
"""

from uuid import UUID

from celery import current_app
from flask import Response, jsonify, request

from signalcraft.acoustics.analysis import work_on
from signalcraft.acoustics.models import Analysis
from signalcraft.api.app import Api
from signalcraft.api.app import create_app as create_api
from signalcraft.db.session import unit_of_work

UPLOAD = "/api/esp32/audio/upload"


def create_app() -> Api:
    """The tier, whose messages to the queue lead nowhere."""
    app = create_api()
    current_app.conf.broker_url = "memory://"
    app.after_request(_analyse)
    return app


def _analyse(response: Response) -> Response:
    """Do in this thread what the worker would do, and answer with the result."""
    if request.path == UPLOAD and response.status_code == 200:
        answer = response.get_json()
        analysis_id = UUID(answer["analysis_id"])
        work_on(analysis_id, redelivered=False)
        with unit_of_work() as session:
            analysis = session.get_one(Analysis, analysis_id)
            answer |= {"verdict": analysis.verdict, "score": analysis.score, "summary": analysis.summary}
        response.set_data(jsonify(answer).get_data())
    return response
