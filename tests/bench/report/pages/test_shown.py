"""report.html as a browser shows it."""

import re

import pytest
from helpers.browser import complaints
from helpers.sample_runs import HERE


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


def test_it_loads_without_a_complaint_or_a_request(shown, path):
    assert complaints(shown) == []
    requested = [request["request"]["url"] for request in shown.of("Network.requestWillBeSent")]
    assert [url for url in requested if not url.startswith("data:")] == [path.resolve().as_uri()]
    assert shown.run("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")


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


def test_words_sort_by_their_numbers_and_from_the_keyboard(shown):
    shown.run("headings()[column('workload')].querySelector('button').focus()")
    shown.press("Enter")
    assert shown.run("order('workload')") == "ascending"
    found = list(dict.fromkeys(shown.run("texts('workload')")))
    assert found == ["mission-T1", "mission-T10", "mission-T100", "mission-T1000"]
    shown.press(" ")
    assert shown.run("order('workload')") == "descending"


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


def test_a_hostile_name_runs_nothing(chromium, hostile, hostile_folder):
    file = (hostile_folder / "report.html").resolve().as_uri()
    chromium.open(file)
    assert complaints(chromium) == [] and not chromium.of("Page.javascriptDialogOpening")
    assert hostile in chromium.run("document.body.textContent")
    requested = [request["request"]["url"] for request in chromium.of("Network.requestWillBeSent")]
    assert [url for url in requested if not url.startswith("data:")] == [file]


def test_a_script_that_is_not_the_reports_own_is_refused(chromium, path, tmp_path):
    """Were a name not escaped, the page's policy would still stop it."""
    injected = tmp_path / "injected.html"
    text = path.read_text().replace("<main>", "<main><script>document.title = 'mine'</script>")
    injected.write_text(text)
    chromium.open(injected.as_uri())
    assert chromium.run("document.title") == HERE.name
    assert "Content Security Policy" in str(complaints(chromium))


@pytest.fixture
def sized(shown):
    """A function that gives the window another size for the length of a test."""

    def resize(width, height=800):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        shown.call("Emulation.setDeviceMetricsOverride", **size)

    yield resize
    shown.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("width", [320, 400, 1000, 1600])
def test_only_what_is_meant_to_scrolls_sideways(shown, sized, width):
    sized(width)
    assert shown.run("document.documentElement.scrollWidth") <= width
    wide = """
      [...document.querySelectorAll("main *")]
        .filter((each) => !each.parentElement.closest(".scroll") && !each.matches("input"))
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .map((each) => each.outerHTML.slice(0, 80))
    """
    assert shown.run(wide) == []


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_first_column_and_head_stay_while_a_table_scrolls(shown, sized, width):
    sized(width, height=400)
    moved = """
      const pane = box.querySelector(".scroll"), corner = pane.querySelector("thead th");
      box.querySelector(".fold").click();
      const cell = visible().at(-1).cells[0], head = headings().at(-1);
      pane.scrollTo(1e6, 1e6);
      const at = (each) => each.getBoundingClientRect(), edge = at(pane);
      [pane.scrollLeft, pane.scrollTop, at(cell).left - edge.left, at(head).top - edge.top,
       at(corner).left - edge.left, at(corner).top - edge.top]
    """
    scrolled_right, scrolled_down, *stays = shown.run(moved)
    assert scrolled_down > 0 and (scrolled_right > 0 or width > 1000)
    assert all(abs(distance) <= 2 for distance in stays)


def test_more_columns_come_on_demand_from_the_keyboard(shown):
    state = "box.querySelector('.fold').getAttribute('aria-expanded')"
    drawn = "headings().filter((th) => th.offsetWidth).map((th) => th.textContent)"
    few = ["kernel", "workload", "time", "±", "× scan", "± of ×", "check"]
    assert (shown.run(state), shown.run(drawn)) == ("false", few)
    assert shown.run("visible()[0].cells[column('p20')].offsetWidth") == 0
    shown.run("box.querySelector('.fold').focus()")
    shown.press("Enter")
    assert shown.run(state) == "true"
    assert set(shown.run(drawn)) > {*few, "p20", "GFLOP/s", "error"}
    assert shown.run("visible()[0].cells[column('p20')].offsetWidth") > 0
    shown.press(" ")
    assert (shown.run(state), shown.run(drawn)) == ("false", few)
    controlled = "document.getElementById(box.querySelector('.fold').getAttribute('aria-controls'))"
    assert shown.run(f"{controlled} === box.querySelector('table')")


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
    """Relative luminance of WCAG 2.2 of "rgb(r, g, b)" or "color(srgb r g b)"."""
    full = 1 if colour.startswith("color") else 255
    shares = [float(part) / full for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(*colours):
    dark, bright = sorted(map(luminance, colours))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(shown, scheme):
    """At least 4.5 to 1, WCAG's level AA."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    shown.call("Emulation.setEmulatedMedia", features=[feature])
    back = shown.run("getComputedStyle(document.body).backgroundColor")
    assert (luminance(back) > 0.5) == (scheme == "light")
    for part in ("body", "a", "thead th", "tbody td", ".controls label", ".distance", "figcaption"):
        text = shown.run(f"getComputedStyle(document.querySelector('{part}')).color")
        assert contrast(text, back) >= 4.5
    shades = """
      [...document.querySelectorAll("[class^=shade]")].map((cell) => getComputedStyle(cell))
        .map((style) => [style.color, style.backgroundColor])
    """
    found = {tuple(pair) for pair in shown.run(shades)}
    assert len(found) >= 2 and all(contrast(*pair) >= 4.5 for pair in found)
    shown.call("Emulation.setEmulatedMedia", features=[])
