"""Answers from Pydantic models: the model that describes an answer also writes it."""

from flask import Response
from pydantic import BaseModel

JSON_MEDIA_TYPE = "application/json"


def json_answer(model: BaseModel, status: int = 200) -> Response:
    """The model as JSON; it changes with every reading and is nobody else's, so nothing keeps it."""
    response = Response(model.model_dump_json(by_alias=True), status=status, mimetype=JSON_MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response
