"""The pictures of a report, by what they show."""

import re

import pytest

from signalcraft.evaluation.pictures import histogram_svg


@pytest.mark.parametrize("limit", [0.01, 3.0, 50.0])
def test_the_limit_is_drawn_wherever_the_scores_lie(limit: float) -> None:
    drawn = histogram_svg("t", [0.1, 0.5, 1.0], [2.0, 4.0], limit=limit)
    (line,) = re.findall(r"<polyline points=\"([\d.]+),[\d.]+ ([\d.]+),", drawn)
    assert line[0] == line[1]
    assert 44 <= float(line[0]) <= 344  # within the frame
