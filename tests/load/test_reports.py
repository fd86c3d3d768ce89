"""What a load test concludes from what it measured."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.compare_old import WORKS, compare, read_table
from loadtests import report as reports
from loadtests.charts import chart
from loadtests.events import Delivered
from loadtests.k6 import Run
from loadtests.knee import Step, climb, knee_of
from loadtests.loads import events, journey, offered
from loadtests.performance import BARS, bar_row
from loadtests.results import Machine, Outcome, Report, Times, lost_share, missed_by, shares_of
from loadtests.sampling import Sample, Samples
from loadtests.saturation import first_saturated, usage

TIMES = Times(100, 10.0, 9.0, 20.0, 30.0, 40.0)
DELIVERED = Delivered(10, 5, 50, 0, 0, 0, 0, 4.0, 3.0, 8.0, 9.0, 10.0)


def outcome(**changes: object) -> Outcome:
    whole = Outcome(
        "analysis-50", 100.0, 130.0, 25.0, {"analysis": TIMES}, 100, 0.0, 0.0, {}, None, None, [], {}, 0.0
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def step_with_capacity(capacity: float, amount: float) -> Step:
    carried = min(amount, capacity)
    return Step(amount, carried, 50.0 if amount <= capacity else 900.0, 1 - carried / amount, 250.0)


@pytest.mark.parametrize("capacity", [12.0, 40.0, 95.0])
def test_a_climb_ends_close_below_what_is_carried(capacity: float) -> None:
    steps = climb(10.0, lambda amount: step_with_capacity(capacity, amount))
    knee = knee_of(steps)
    assert knee is not None
    assert 0.8 * capacity <= knee <= capacity


def test_a_load_that_is_never_carried_has_no_knee() -> None:
    steps = climb(10.0, lambda amount: step_with_capacity(1.0, amount))
    assert knee_of(steps) is None


def test_what_is_full_first_is_named_with_the_load_and_the_generator_is_never_it() -> None:
    loads = [
        ("10/s", {"processors": 0.5, "load generator, of all processors": 0.95}),
        (
            "20/s",
            {"processors": 0.93, "one process of gateway": 0.97, "load generator, of all processors": 0.3},
        ),
        ("30/s", {"processors": 1.0}),
    ]
    assert first_saturated(loads).startswith("At 20/s, one process of gateway was used to 97%")
    assert first_saturated(loads[:1]).startswith("Nothing was used to 90%")


def test_usage_is_the_mean_share_of_each_limit() -> None:
    samples = [
        Sample(1.0, "host", {"cpu_percent": 40.0}),
        Sample(2.0, "host", {"cpu_percent": 60.0}),
        Sample(2.0, "database", {"connections": 30.0, "connections_limit": 60.0}),
        Sample(2.0, "processes", {"gateway-blue.busiest_percent": 80.0, "memory_bytes": 1.0}),
        Sample(2.0, "generator", {"cpu_percent": 100.0}),
    ]
    assert usage(samples, cores=2) == {
        "processors": 0.5,
        "database connections": 0.5,
        "one process of gateway-blue": 0.8,
        "load generator, of all processors": 0.5,
    }


def test_journeys_that_never_began_count_as_not_held() -> None:
    load = journey("sign-in", "sign_in", "sign_in", offered(40, 25), 25, "p(95)<2000")
    values = {"done": 900.0, "iterations": 900.0, "dropped_iterations": 100.0}
    run = Run(
        {name: {"values": {"count": count}} for name, count in values.items()}, {"checks": [], "groups": []}
    )
    assert shares_of(run) == (0.0, 0.1)
    assert missed_by(load, run, None, None) == ["10.0% of the journeys never began"]


def test_events_that_are_lost_doubled_or_late_are_named() -> None:
    load = events(10, 10.0, 30, limit_ms=250)
    assert missed_by(load, None, DELIVERED, None) == []
    assert lost_share(replace(DELIVERED, lost=5), None) == 0.1
    wrong = replace(DELIVERED, lost=3, doubled=1, p99_ms=300.0)
    assert missed_by(load, None, wrong, None) == [
        "3 lost",
        "1 doubled",
        "event to screen: p99 300 ms > 250 ms",
    ]


def test_a_chart_is_one_element_that_holds_every_line_and_no_markup_of_names() -> None:
    drawn = chart(
        "A <b> title", "ms", {"one & two": [(0.0, 1.0), (9.0, 7.0)], "nothing": []}, [(0.0, 5.0, "x<y")]
    )
    svg = ElementTree.fromstring(drawn)  # noqa: S314  # our own
    title = svg.find("{http://www.w3.org/2000/svg}text")
    assert title is not None
    assert title.text == "A <b> title (ms)"
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}polyline"))) == 1


def test_both_reports_say_the_same_and_name_what_did_not_hold(tmp_path: Path) -> None:
    failing = outcome(missed=["journey{part:analysis}: avg<1000"], failed_checks={"there is a verdict": 2})
    report = Report("bars", "About.", "command", "2026-11-25", "1+x", Machine("CPU", 2, 24.0, "6", "3"), 0.1)
    report.outcomes += [outcome(), failing, outcome(name="streams-1000", parts={}, delivered=DELIVERED)]
    samples = Samples()
    samples.add(Sample(101.0, "host", {"cpu_percent": 40.0}))
    markdown, html, document = (path.read_text() for path in reports.write(report, samples, tmp_path))
    for said in ("analysis-50", "event to screen", "avg&lt;1000", "2 times not so: there is a verdict"):
        assert said in html
        assert said.replace("&lt;", "<") in markdown
    assert html.count("<svg") == markdown.count("![chart](data:image/svg+xml;base64,") == 9
    assert '"held": false' in document


OLD = """
| what | 1 client | 15 clients | 50 clients |
|---|---|---|---|
| analysis of a 10 s, 16 kHz clip as committed (every answer is a 500), median / p95 ms | 104 / 113 | 2,235 / 2,723 | 8,499 / 10,748 |
| the same signal processing, made able to answer, median / p95 ms | 36 / 40 | 581 / 823 | 2,507 / 4,009 |
| sensor reading accepted (then discarded), requests/s | 602 | 534 | 465 |
| sign-in, requests/s | 15.5 | 16.0 | 13.4 |
"""  # noqa: E501


def test_our_figures_stand_beside_the_old_ones_of_the_same_work() -> None:
    slow, middle, fast = (
        {"name": "analysis", "parts": {"analysis": {"median_ms": ms}}} for ms in (900, 500, 400)
    )
    target = {"profile": "target", "measured_at": "now", "command": "c", "outcomes": [slow, middle, fast]}
    stress = {
        "profile": "stress",
        "measured_at": "now",
        "command": "c",
        "climbs": [{"name": "sign-in", "knee": 40.2}],
    }
    lines = {
        line.name + line.remark: line
        for work in WORKS
        for line in [compare(work, read_table(OLD), [target, stress])]
    }
    analysis = lines["analysis of a 10 s clip, 50 clientsthe old server stored nothing and judged no machine"]
    assert (analysis.old, analysis.ours, analysis.factor) == (2507, 500, pytest.approx(5.014))
    sign_ins = lines["sign-insno old session was valid afterwards"]
    assert (sign_ins.old, sign_ins.factor) == (13.4, pytest.approx(3))
    unmeasured = lines["analysis of a 10 s clip, 15 clientsthe old answers were all errors"]
    assert unmeasured.ours is None
    assert "--profile baseline" in unmeasured.measured


def test_the_document_shows_the_middle_round_its_spread_and_whether_it_is_enough() -> None:
    same = {"name": "analysis-50", "seconds": 25.0, "failed": 0.0, "dropped": 0.0, "delivered": None}
    rounds = [{**same, "parts": {"analysis": {"mean_ms": ms}}} for ms in (390.0, 700.0, 800.0)]
    told = {"measured_at": "2026-11-25T12:00:00Z", "load_average": 0.1, "command": "c"}
    report = {"profile": "bars", **told, "outcomes": rounds}
    analysis, unmeasured = (bar_row(bar, [report]) for bar in BARS[:2])
    assert analysis[4:8] == ("700 ms", "390–800 of 3", "0.00%", "bar")
    assert unmeasured[4] == "not measured"
    rounds[2]["failed"] = 0.01
    assert bar_row(BARS[0], [report])[7] == "no: errors"
