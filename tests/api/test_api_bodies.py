"""Bodies are bounded, and the bare tokens of old firmware are the only thing forgiven."""

import io
import json
import math
from typing import Any

import pytest
from api_calls import PCM_HEADERS, assert_problem, stored
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.api.bodies import parse_json
from signalcraft.errors import InvalidInputError, MalformedRequestError
from signalcraft.settings import Settings

TOKENS = st.sampled_from(["nan", "-nan", "NaN", "inf", "-inf", "ovf", "Infinity", "-Infinity"])
TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from('"\\{}[]:, nan')
)


class Bare(str):
    """A token that stands without quotes in the document."""


def documents() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | TOKENS.map(Bare)
    scalars |= st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=12,
    )


def written(value: Any) -> str:
    """The document as old firmware would print it."""
    if isinstance(value, Bare):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {written(item)}' for key, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def meant(value: Any, path: str, tokens: dict[str, str]) -> Any:
    """The document with None for each bare token, whose path and spelling go to `tokens`."""
    if isinstance(value, Bare):
        tokens[path] = str(value)
        return None
    join = f"{path}." if path else ""
    if isinstance(value, list):
        return [meant(item, f"{join}{place}", tokens) for place, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: meant(item, f"{join}{key}", tokens) for key, item in value.items()}
    return value


@given(st.dictionaries(st.text("abc", min_size=1), documents(), max_size=4))
def test_bare_tokens_become_none_and_nothing_else_changes(document: dict[str, Any]) -> None:
    expected = meant(document, "", {})
    text = written(document)
    try:
        parsed, _ = parse_json(text.encode(), lenient=True)
    except MalformedRequestError as error:
        assert "levels" in error.detail  # noqa: PT017  # hypothesis may nest deeper than we accept
        return
    assert parsed == expected


def test_the_tokens_are_known_by_path() -> None:
    document = '{"a": nan, "s": "nan, \\"inf\\"", "v": {"x": -inf, "y": 1}, "mfcc": [1, ovf]}'
    parsed, unreadable = parse_json(document.encode(), lenient=True)
    assert parsed == {"a": None, "s": 'nan, "inf"', "v": {"x": None, "y": 1}, "mfcc": [1, None]}
    assert unreadable == {"a": "nan", "v.x": "-inf", "mfcc.1": "ovf"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": nan}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1,}',
        "",
        '{"a": "',
        "[" * 5000,
        '{"a": "\t"}',
        "\xff",
    ],
)
def test_elsewhere_json_is_json(text: str) -> None:
    with pytest.raises(MalformedRequestError):
        parse_json(text.encode("latin-1"))


@pytest.mark.parametrize(
    "text", ["{nan: 1}", '{"a": nanx}', '{"a": 1nan}', '{"a" nan}', '{"a": "nan', '{"a": +nan}']
)
def test_leniency_ends_at_the_tokens(text: str) -> None:
    with pytest.raises(MalformedRequestError):
        parse_json(text.encode(), lenient=True)


@pytest.mark.parametrize(
    "text", ['{"a": 1e999}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', f'{{"a": {"9" * 5000}}}']
)
def test_what_no_column_can_hold_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        parse_json(text.encode())
    assert raised.value.field == "a"


def test_a_hostile_document_takes_no_time() -> None:
    """The tokenizer passes over the text once, whatever is left open."""
    for text in ('"' + '\\"' * 120_000, '{"a":' * 20_000, "-" * 240_000, '"' * 240_001):
        with pytest.raises(MalformedRequestError):
            parse_json(text.encode(), lenient=True)


class Endless(io.RawIOBase):
    """A body without end; counts how much of it was taken."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        return len(buffer)


def test_reading_stops_at_the_limit(api_client: FlaskClient, settings: Settings) -> None:
    body = Endless()
    answer = api_client.post(
        "/api/esp32/audio/upload",
        headers={**PCM_HEADERS, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert_problem(answer, 413, "body")
    assert body.taken < settings.pcm_limit_bytes + 1_000_000
    assert stored() == {}


def test_a_body_that_announces_too_much_is_not_read(api_client: FlaskClient, settings: Settings) -> None:
    body = Endless()
    announced = str(settings.json_limit_bytes + 1)
    answer = api_client.post(
        "/api/iot/sensors/data", environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": announced}
    )
    assert_problem(answer, 413, "body")
    assert body.taken == 0


def test_a_body_that_ends_early_is_refused(api_client: FlaskClient) -> None:
    answer = api_client.post(
        "/api/esp32/audio/upload",
        headers=PCM_HEADERS,
        environ_overrides={
            "wsgi.input": io.BytesIO(bytes(2048)),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "4096",
        },
    )
    assert_problem(answer, 400, "Content-Length")
    assert stored() == {}


def test_finite_numbers_stay_what_they_are() -> None:
    parsed, unreadable = parse_json(b'{"a": -0.0, "b": 1e-300, "c": 12345678901234567890123}', lenient=True)
    assert math.copysign(1, parsed["a"]) == -1
    assert (parsed["b"], parsed["c"]) == (1e-300, 1.2345678901234568e22)
    assert unreadable == {}
