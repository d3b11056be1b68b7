"""report.html: whole, safe and usable, as its text says and as a browser shows it."""

import re
from html.parser import HTMLParser

import pytest
from helpers import browser
from helpers.sample_runs import HERE, machine, report_of, run, timed, untimed

from bench.cases.case import Case
from bench.cases.workloads import Workload, mission
from bench.records import store
from bench.records.run import CaseResult
from bench.report.pages import markup
from bench.report.parts import method
from bench.report.tables import COLUMNS

HOSTILE = (
    "<script>alert(1)</script><img src=http://x/ onerror=alert(2)>|`*_$\\frac$[b](javascript:c)"
)
VOID = {"meta", "img", "input"}


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("results"))
        yield


def report(run):
    """The paths of report.md and report.html."""
    return report_of(store.create(run, publish=True).parent)


def many():
    """More rows than a table shows without filters."""
    kernels = {"scan": 1.0, "unrolled": 0.5, "scan-autodiff": 3.0}
    shapes = [mission(T) for T in (1, 10, 100, 1000)]
    cases = [timed(w, kernel, w.T * pace) for w in shapes for kernel, pace in kernels.items()]
    return run(*cases, untimed(mission(1), "pallas", "emulated", "interpreted"))


def hostile():
    """Whatever a file may name, named to do harm."""
    shape = Workload(HOSTILE, 3, 4, 5, 6, 7)
    case = Case(shape, "model", "forward", "float32", HOSTILE, "scan")
    cases = [timed(shape, kernel, 1.0) for kernel in ("scan", HOSTILE)]
    cases.append(CaseResult(case, "failed", HOSTILE))
    return run(
        *cases,
        machine=machine(name=HOSTILE, os=HOSTILE),
        suite=f"../{HOSTILE}",
        command=HOSTILE,
        versions={HOSTILE: HOSTILE},
        unavailable={HOSTILE: HOSTILE},
    )


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
def path():
    return report(many())[1]


@pytest.fixture(scope="module")
def page(path):
    return Elements(path.read_text())


@pytest.fixture(scope="module")
def hostile_folder():
    """Reading refuses such names; the writers do not count on that."""
    folder = store.ROOT / "hostile"
    store.save(hostile(), folder / "20260102T030405-x.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "load", lambda path, kind: hostile())
        report_of(folder)
    return folder


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


def test_every_column_is_explained():
    explained = ", ".join(method.MEANINGS)
    assert all(heading in explained for heading in COLUMNS if heading != "kernel")


def test_the_method_is_short():
    assert len(re.findall(r"[.](?=\s|$)", method.METHOD)) <= 12


# What follows needs a browser.

needs_chromium = pytest.mark.skipif(
    not browser.FOUND, reason=f"none of {', '.join(browser.NAMES)} on PATH"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def shown(chromium, path):
    chromium.open(path.resolve().as_uri())
    chromium.run(HELPERS)
    return chromium


# The suite's table is the one with most rows.
HELPERS = """
var box = [...document.querySelectorAll("div.table")]
  .sort((a, b) => b.querySelectorAll("tbody tr").length - a.querySelectorAll("tbody tr").length)
  .find((each) => each.textContent.includes("GFLOP/s") && each.querySelector("form"));
var headings = () => [...box.querySelectorAll("thead th")];
var column = (name) => headings().findIndex((th) => th.textContent === name);
var visible = () => [...box.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
var texts = (name) => visible().map((row) => row.cells[column(name)].textContent);
var choose = (name, value) => {
  const select = box.querySelector(`select[data-heading="${name}"]`);
  select.value = value;
  select.dispatchEvent(new Event("input", { bubbles: true }));
};
var write = (text) => {
  const input = box.querySelector("input");
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
var click = (name) => headings()[column(name)].querySelector("button").click();
var order = (name) => headings()[column(name)].getAttribute("aria-sort");
0
"""


def complaints(page):
    """What a browser's console would show."""
    events = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    return [event for name in events for event in page.of(name)]


@needs_chromium
def test_it_loads_without_a_complaint_or_a_request(shown, path):
    assert complaints(shown) == []
    requested = [request["request"]["url"] for request in shown.of("Network.requestWillBeSent")]
    assert [url for url in requested if not url.startswith("data:")] == [path.resolve().as_uri()]
    assert shown.run("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")


@needs_chromium
def test_a_click_sorts_numbers_by_value_and_a_third_restores(shown):
    before = shown.run("texts('time')")
    assert "500 µs" in before and "1.00 s" in before and "" in before
    values = "visible().map((row) => row.cells[column('time')].dataset.value)"
    shown.run("click('time')")
    up = [float(value) for value in shown.run(values)[:-1]]
    assert up == sorted(up) and shown.run("texts('time')")[-1] == ""
    assert shown.run("order('time')") == "ascending" and shown.run("order('kernel')") == "none"
    shown.run("click('time')")
    down = [float(value) for value in shown.run(values)[:-1]]
    assert down == up[::-1] and shown.run("texts('time')")[-1] == ""
    assert shown.run("order('time')") == "descending"
    shown.run("click('time')")
    assert shown.run("texts('time')") == before and shown.run("order('time')") == "none"


@needs_chromium
def test_words_sort_by_their_numbers_and_from_the_keyboard(shown):
    shown.run("headings()[column('workload')].querySelector('button').focus()")
    shown.press("Enter")
    assert shown.run("order('workload')") == "ascending"
    found = list(dict.fromkeys(shown.run("texts('workload')")))
    assert found == ["mission-T1", "mission-T10", "mission-T100", "mission-T1000"]
    shown.press(" ")
    assert shown.run("order('workload')") == "descending"


@needs_chromium
def test_filters(shown):
    assert shown.run("visible().length") == 13
    shown.run("choose('workload', 'mission-T10')")
    assert sorted(shown.run("texts('kernel')")) == ["scan", "scan-autodiff", "unrolled"]
    assert shown.run("box.querySelector('output').textContent") == "3 of 13 rows"
    assert shown.run("headings()[column('workload')].hidden")
    shown.run("write('AUTO scan')")
    assert shown.run("texts('kernel')") == ["scan-autodiff"]
    shown.run("box.querySelector('button[type=reset]').click()")
    assert shown.run("new Promise((done) => setTimeout(() => done(visible().length)))") == 13
    assert not shown.run("headings()[column('workload')].hidden")


@needs_chromium
def test_a_hostile_name_runs_nothing(chromium, hostile_folder):
    file = (hostile_folder / "report.html").resolve().as_uri()
    chromium.open(file)
    assert complaints(chromium) == [] and not chromium.of("Page.javascriptDialogOpening")
    assert HOSTILE in chromium.run("document.body.textContent")
    requested = [request["request"]["url"] for request in chromium.of("Network.requestWillBeSent")]
    assert [url for url in requested if not url.startswith("data:")] == [file]


@needs_chromium
def test_a_script_that_is_not_the_reports_own_is_refused(chromium, path, tmp_path):
    """Were a name not escaped, the page's policy would still stop it."""
    injected = tmp_path / "injected.html"
    text = path.read_text().replace("<main>", "<main><script>document.title = 'mine'</script>")
    injected.write_text(text)
    chromium.open(injected.as_uri())
    assert chromium.run("document.title") == HERE.name
    assert "Content Security Policy" in str(complaints(chromium))


@needs_chromium
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_only_tables_and_figures_scroll_sideways(shown, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}
    shown.call("Emulation.setDeviceMetricsOverride", **size)
    assert shown.run("document.documentElement.scrollWidth") <= width
    moved = """
      const pane = box.querySelector(".scroll"), cell = pane.querySelector("tbody th");
      pane.scrollLeft = 1e6;
      [pane.scrollLeft, cell.getBoundingClientRect().left - pane.getBoundingClientRect().left]
    """
    scrolled, left = shown.run(moved)
    assert abs(left) <= 2  # the first column stays
    assert scrolled > 0 or width > 1000
    shown.call("Emulation.clearDeviceMetricsOverride")


@needs_chromium
def test_print_has_whole_tables_and_no_filters(shown):
    shown.call("Emulation.setEmulatedMedia", media="print")
    styles = """
      [getComputedStyle(box.querySelector("form")).display,
       getComputedStyle(box.querySelector(".scroll")).overflowX,
       getComputedStyle(box.querySelector(".scroll")).maxHeight]
    """
    assert shown.run(styles) == ["none", "visible", "none"]
    shown.call("Emulation.setEmulatedMedia", media="")


def luminance(colour):
    """Relative luminance of WCAG 2.2 of "rgb(r, g, b)"."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(shown, scheme):
    """At least 4.5 to 1, WCAG's level AA."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    shown.call("Emulation.setEmulatedMedia", features=[feature])
    back = luminance(shown.run("getComputedStyle(document.body).backgroundColor"))
    for part in ("body", "a", "thead th", "tbody td", ".filters label"):
        text = luminance(shown.run(f"getComputedStyle(document.querySelector('{part}')).color"))
        assert (max(text, back) + 0.05) / (min(text, back) + 0.05) >= 4.5
    assert (back > 0.5) == (scheme == "light")
    shown.call("Emulation.setEmulatedMedia", features=[])
