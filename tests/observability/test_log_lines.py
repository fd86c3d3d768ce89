"""What each line of a log carries."""

import json
import subprocess
import sys

from signalcraft.settings import Settings

_PROGRAM = """\
import logging
from signalcraft.accounts.access import Principal
from signalcraft.logging import bind, clear, configure, get_logger
from signalcraft.settings import get_settings

configure(get_settings(), "api-green")
bind(request_id="of-this-request", user_id=3)
get_logger("ours").info("before the shop is known")
Principal(user_id=3, username="a", role="user", shop_roles={7: "owner"}).require("fleet.read", 7)
get_logger("ours").info("in the shop", machine=5)
logging.getLogger("theirs").warning("a library's %s", "line")
clear()
get_logger("ours").info("the next request")
"""


def test_each_line_says_when_how_grave_who_which_request_and_which_shop(settings: Settings) -> None:
    output = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    before, within, library, after = (json.loads(line) for line in output.splitlines())
    always = {"process": "api-green", "release": settings.release, "colour": settings.colour}
    for line in (before, within, library, after):
        assert always.items() <= line.items()
        assert line["timestamp"].endswith("Z")
        assert line["level"] in {"info", "warning"}
    assert before["request_id"] == "of-this-request"
    assert "shop_id" not in before
    for line in (within, library):
        assert (line["request_id"], line["shop_id"]) == ("of-this-request", 7)
    assert library["event"] == "a library's line"
    assert not {"request_id", "shop_id"} & set(after)
