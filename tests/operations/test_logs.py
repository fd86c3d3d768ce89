"""One stream out of many files."""

import json
import threading
from pathlib import Path

from signalcraft.operations import logs


def entry(time: str, event: str, **more: object) -> str:
    return json.dumps({"timestamp": time, "level": "info", "event": event, **more}) + "\n"


def write(folder: Path) -> None:
    (folder / "api-blue.log").write_text(
        entry("2026-11-23T12:00:01.000000Z", "first", clip_id=7)
        + "Traceback (most recent call last):\n"
        + entry("2026-11-23T12:00:05.000000Z", "fifth")
    )
    (folder / "postgres.log").write_text("2026-11-23 12:00:03.000 UTC [7] WARNING:  third\n")
    (folder / "valkey.log").write_text("9:M 23 Nov 2026 12:00:02.500 * second\n")
    (folder / "proxy.log").write_text("2026/11/23 12:00:04 [error] 1#1: fourth\n")


def test_lines_of_all_processes_come_in_the_order_of_time(tmp_path: Path) -> None:
    write(tmp_path)
    lines = logs.tail(tmp_path, logs.names(tmp_path), 50)
    assert [line.process for line in lines] == [
        "api-blue",
        "api-blue",  # the traceback has no time: it stays below its line
        "valkey",
        "postgres",
        "proxy",
        "api-blue",
    ]
    assert [line.text for line in logs.tail(tmp_path, logs.names(tmp_path), 2)] == [
        lines[-2].text,
        lines[-1].text,
    ]


def test_json_is_rendered_for_people_and_the_rest_is_shown_as_it_is(tmp_path: Path) -> None:
    write(tmp_path)
    rendered = [logs.render(line) for line in logs.tail(tmp_path, ["api-blue"], 2)]
    assert rendered[0].endswith("Traceback (most recent call last):")
    assert rendered[1].split() == ["2026-11-23T12:00:05.000", "api-blue", "info", "fifth"]
    first = logs.render(logs.tail(tmp_path, ["api-blue"], 3)[0])
    assert first.endswith("first clip_id=7")


def test_the_end_of_a_long_file_is_found_across_blocks(tmp_path: Path) -> None:
    file = tmp_path / "worker-blue.log"
    file.write_text("".join(f"{number} {'x' * 500}\n" for number in range(1000)))
    found = logs.tail(tmp_path, ["worker-blue"], 300)
    assert [int(line.text.split()[0]) for line in found] == list(range(700, 1000))


def test_earlier_parts_stand_before_a_log_that_was_just_cut(tmp_path: Path) -> None:
    for name, numbers in {"a.log": [7, 8], "a.log.1": [4, 5, 6], "a.log.2": [1, 2, 3]}.items():
        (tmp_path / name).write_text("".join(f"{number}\n" for number in numbers))
    assert logs.names(tmp_path) == ["a"]
    shown = [[int(line.text) for line in logs.tail(tmp_path, ["a"], count)] for count in (0, 2, 4, 7, 50)]
    assert shown == [[], [7, 8], [5, 6, 7, 8], [2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8]]


def test_following_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "api-blue.log"
    file.write_text("old\n")
    stream = logs.follow(tmp_path, ["api-blue"])
    with file.open("a") as log:
        pieces = [
            threading.Timer(0.3, lambda: print("half", end="", file=log, flush=True)),
            threading.Timer(0.7, lambda: print(" and half", file=log, flush=True)),
        ]
        for piece in pieces:
            piece.start()
        assert next(stream).text == "half and half"
        for piece in pieces:
            piece.join()
    stream.close()
    stream.close()
