"""The files of the web app agree with each other."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import signalcraft

WEB = Path(signalcraft.__file__).parent / "web"
STATIC = WEB / "static"
SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
ENTRY = re.compile(r'^  "([\w.]+)": "(.*)",$', re.MULTILINE)
# Keys made of a prefix and a word that the server chose.
CHOSEN_BY_SERVER = re.compile(
    r"(admission|command|connection|device_state|device|field|health|journey|kind|label|level|light|limit|permission|range|reason"
    r"|role|rollout|rule|setting|severity|signal|source|stage|standing|state|status|update|verdict)(\.\w+)+"
)


def dictionary(language: str) -> dict[str, str]:
    text = (STATIC / "js" / "i18n" / f"{language}.js").read_text()
    entries = dict(ENTRY.findall(text))
    assert len(entries) == text.count('": "'), "one entry a line, none twice"
    return entries


def test_both_languages_say_the_same_things() -> None:
    korean, english = dictionary("ko"), dictionary("en")
    assert korean.keys() == english.keys()
    for key, sentence in korean.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_every_message_is_used_and_every_used_one_exists() -> None:
    sources = "".join(path.read_text() for path in SCRIPTS if path.parent.name != "i18n")
    keys = dictionary("ko").keys()
    used = set(re.findall(r'\bt\(\s*"([\w.]+)"', sources))
    assert used <= keys
    mentioned = set(re.findall(r'"([\w]+\.[\w.]+)"', sources))
    assert {key for key in keys if not CHOSEN_BY_SERVER.fullmatch(key)} <= mentioned


def test_the_first_page_names_all_its_modules() -> None:
    wanted: set[Path] = set()
    waiting = [STATIC / "js" / "app.js"]
    while waiting:
        module = waiting.pop()
        if module not in wanted:
            wanted.add(module)
            imports = re.findall(r'^import .*?"(\.[^"]+)";$', module.read_text(), re.MULTILINE)
            waiting += [(module.parent / path).resolve() for path in imports]
    html = (WEB / "index.html").read_text()
    named = re.findall(r'<link rel="modulepreload" href="/static/(.+?)">', html)
    assert sorted(named) == sorted(str(path.relative_to(STATIC.resolve())) for path in wanted)


class _Inline(HTMLParser):
    """Collects what the content security policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("page", ["index.html", "docs.html"])
def test_pages_hold_nothing_inline_and_only_what_exists(page: str) -> None:
    html = (WEB / page).read_text()
    inline = _Inline()
    inline.feed(html)
    assert inline.found == []
    for path in re.findall(r'(?:src|href)="/static/(.+?)"', html):
        assert (STATIC / path).is_file(), path


def test_vendored_files_are_those_of_the_packages() -> None:
    vendor = STATIC / "vendor"
    table = (vendor / "README.md").read_text()
    listed = dict(re.findall(r"^\| `(.+?)` \| `([0-9a-f]{64})` \|$", table, re.MULTILINE))
    present = {
        str(path.relative_to(vendor)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert listed == present
