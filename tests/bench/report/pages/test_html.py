"""report.html: whole, safe and readable, as its text says."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from helpers.sample_runs import HERE

from bench.records import store
from bench.report.pages import html, markup
from bench.report.parts import method
from bench.report.section import Section, Table
from bench.report.tables import COLUMNS

VOID = {"meta", "img", "input"}


class Elements(HTMLParser):
    """Every element of a page with its attributes and those around it; fails on a bad nesting."""

    def __init__(self, text):
        super().__init__()
        self.found, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def named(self, *tags):
        return [attributes for tag, attributes, _ in self.found if tag in tags]


@pytest.fixture(scope="module")
def page(path):
    return Elements(path.read_text())


def test_it_asks_the_network_for_nothing(page):
    for attributes in page.named("script", "link", "iframe", "object", "base"):
        assert not attributes.keys() & {"src", "href", "data"}
    assert not page.named("link")
    sources = [a["src"] for a in page.named("img")]
    assert sources and all(source.startswith("data:image/svg+xml,") for source in sources)
    (policy,) = (a["content"] for a in page.named("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy


def test_ids_are_unique_and_anchors_lead_to_them(page):
    ids = [attributes["id"] for _, attributes, _ in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for a in page.named("a")]
    assert {t.removeprefix("#") for t in targets if t.startswith("#")} <= set(ids)
    files = [target for target in targets if not target.startswith("#")]
    assert files and all((store.ROOT / HERE.folder / file).exists() for file in files)


def test_sections_of_many_suites_are_one_entry_of_the_contents():
    parts = [Section("Summary"), Section("Cases", suite="a"), Section("Cases", suite="b")]
    found = Elements(html.page("machine", parts)).found
    inside = [(tag, a, "details" in around) for tag, a, around in found if "nav" in around]
    links = [(a["href"], folded) for tag, a, folded in inside if tag == "a"]
    assert links == [("#part-1", False), ("#part-2", True), ("#part-3", True)]
    assert [tag for tag, *_ in inside].count("details") == 1


def test_a_heading_names_its_suite_also_where_there_is_but_one():
    text = html.page("machine", [Section("Cases", suite="a")])
    assert ">Cases in suite a</h2>" in text and "<details" not in text


def test_tables_have_headings_and_images_words(page):
    tables = len(page.named("table"))
    assert tables >= 5
    heads = [
        attributes for tag, attributes, around in page.found if tag == "th" and "thead" in around
    ]
    assert len(heads) > tables and all(attributes["scope"] == "col" for attributes in heads)
    rows = [tag for tag, _, around in page.found if tag == "tr" and "tbody" in around]
    named = [a for tag, a, around in page.found if tag == "th" and "tbody" in around]
    assert len(rows) == len(named) and all(a["scope"] == "row" for a in named)
    assert all(attributes["alt"] for attributes in page.named("img"))


def test_it_is_made_for_phones_too(page):
    (viewport,) = (a["content"] for a in page.named("meta") if a.get("name") == "viewport")
    assert "width=device-width" in viewport


def test_names_from_files_are_escaped(hostile_folder):
    text = (hostile_folder / "report.html").read_text()
    page = Elements(text)
    assert len(page.named("script")) == 1
    assert "<script>alert" not in text and "<img src=http" not in text
    assert not any(name.startswith("on") for _, a, _ in page.found for name in a)
    assert all(not a["href"].startswith("javascript") for a in page.named("a"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_names_from_files_are_escaped_in_markdown(hostile_folder):
    text = (hostile_folder / "report.md").read_text()
    assert "<script" not in text and "<img" not in text and "[b](" not in text
    assert "&lt;script&gt;" in text
    for line in text.splitlines():
        if line.startswith("|"):  # a table's rows have as many cells as its rule
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3


def test_a_suite_names_no_other_folder(hostile_folder):
    assert list(hostile_folder.glob("*-speedup.svg"))
    assert not list(hostile_folder.parent.glob("*.svg"))


def test_prose_functions():
    assert markup.plain("a\n\n# <b>|`") == r"a \# &lt;b&gt;\|\`"
    assert markup.link("a]b", "c d)e") == r"[a\]b](c%20d%29e)"


def test_both_files_say_the_same(path):
    page, text = path.read_text(), path.with_name("report.md").read_text()
    for section in ("Summary", "Who is fastest where", "Method", "Machine", "Columns"):
        assert f">{section}</h2>" in page and f"## {section}\n" in text
    assert text.index("## Summary") < text.index("## Who") < text.index("## Method")
    for words in ("is fastest in 4", "interpreted", "500 ms"):
        assert words in page and words in text


def test_a_choice_is_offered_where_values_repeat():
    rows = pd.DataFrame({"name": [f"row {i}" for i in range(12)], "kind": ["a", "b", "c"] * 4})
    table = Table(rows, {name: (name, str) for name in rows.columns})
    page = Elements(html.page("x", [Section("Some", table=table)]))
    assert [select["data-heading"] for select in page.named("select")] == ["kind"]


def test_every_column_is_explained():
    explained = ", ".join(method.MEANINGS)
    assert all(heading in explained for heading in COLUMNS if heading != "kernel")


def test_the_method_is_short():
    assert len(re.findall(r"[.](?=\s|$)", method.METHOD)) <= 12
