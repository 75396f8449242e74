"""The report in a real browser: it opens, filters, sorts, draws, and asks no address for anything."""

import shutil

import pytest

from hashbench.reporting.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
HOSTILE = "<img src=x onerror=hacked()>"
VIEWS = ("overview", "tables", "curves", "time", "ranks", "methods", "method=itq", "making")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def report(make, tmp_path):
    """The address of a report on a dozen rows, one of them with a hostile name."""
    methods = ("random", "itq", "lsh", "ksh", "sdh", "cca_itq", "mu_liu", "dpsh", "dsh")
    curves = {"recall": [0.1, 0.5, 1.0], "precision": [0.9, 0.5, 0.1], "loss": [2.0, 1.0, 0.5]}
    records = [
        make(method, bits, 0.1 * place + bits / 1000, curves=curves)
        for place, method in enumerate(methods)
        for bits in (8, 12, 24, 32, 48)
    ]
    records += [make("itq", 12, 0.05 * n, features=f"{HOSTILE}{n}") for n in range(6)]
    records += [make("itq", 12, 0.3, dataset="mnist")]
    records += [make(method, 12, 0.5, dataset="digits") for method in ("itq", "lsh", "ksh", "sdh", "cca_itq")]
    path = tmp_path / "report.html"
    write_report({tmp_path / f"{n}.json": record for n, record in enumerate(records)}, path)
    return path.as_uri()


@pytest.fixture
def opened(browser, report):
    """Open a view of the report; its page, with what it complained of and asked for in ``faults``."""
    contexts = []

    def open_(view, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.faults = []
        page.on("console", lambda message: page.faults.append(message.text))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("http") and page.faults.append(asked.url))
        page.goto(f"{report}#{view}")
        return page

    yield open_
    for context in contexts:
        context.close()


def firsts(page):
    return page.locator(".results tbody th").all_inner_texts()


def test_every_view_opens_without_a_complaint_or_a_request_at_phone_width(opened):
    page = opened("overview", viewport={"width": 360, "height": 740}, color_scheme="dark")
    for view in VIEWS:
        page.evaluate("view => { location.hash = view; }", view)
        name = view.partition("=")[0]
        page.wait_for_selector(f"#view-{name}:visible")
        assert page.locator("main > section:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    assert page.faults == []
    assert page.locator("img[src=x]").count() == 0


def test_the_table_filters_and_sorts_and_keeps_its_order_when_filtered(opened):
    page = opened("tables")
    assert len(firsts(page)) == 15
    page.select_option("#group", "deep")
    assert sorted(firsts(page)) == ["dpsh", "dsh", "mu_liu"]
    page.get_by_role("button", name="12 bits", exact=True).click()
    assert firsts(page) == ["dsh", "dpsh", "mu_liu"]
    page.get_by_role("button", name="12 bits", exact=True).press("Enter")
    assert firsts(page) == ["mu_liu", "dpsh", "dsh"]
    page.select_option("#group", "")
    page.fill("#text", "unsupervised itq pixels")
    assert firsts(page) == ["itq pixels"]
    page.fill("#text", "")
    values = [float(v) for v in page.locator(".results tbody td:nth-child(3)").evaluate_all(
        "cells => cells.map(cell => cell.dataset.value).filter(Boolean)")]  # fmt: skip
    assert len(values) > 10
    assert values == sorted(values)
    page.select_option("#metric", label="precision@100")
    assert "precision@100" in page.locator(".results caption").inner_text()
    page.select_option("#dataset", label="mnist")
    assert firsts(page) == ["itq pixels"]
    assert page.faults == []


def test_figures_show_the_ten_best_unless_one_chooses(opened):
    page = opened("curves")
    drawn = "document.querySelector('#curves .js-plotly-plot').data.map(trace => trace.name)"
    names = page.evaluate(drawn)
    assert len(names) == 10
    assert names[0] == "dsh"
    page.locator("#view-curves summary").click()
    page.get_by_role("button", name="none").click()
    page.get_by_label("ksh pixels", exact=True).check()
    assert page.evaluate(drawn) == ["ksh pixels"]
    page.evaluate("location.hash = 'time'")
    page.wait_for_selector("#time .js-plotly-plot")
    assert page.locator("#view-time summary").inner_text().startswith("Rows shown: 1 of")
    assert page.faults == []


def test_a_legend_takes_the_room_that_its_names_need(opened):
    page = opened("curves", viewport={"width": 1280, "height": 900})
    below = page.evaluate("""() => {
      const place = document.querySelector("#curves .js-plotly-plot");
      const [all, legend] = [place, place.querySelector("g.legend")]
        .map((one) => one.getBoundingClientRect().bottom);
      return all - legend;
    }""")
    assert 0 <= below < 30


def test_a_long_list_of_the_best_is_folded_on_the_screen_and_whole_on_paper(opened):
    page = opened("overview")
    folded = page.locator("#view-overview details")
    assert folded.count() == 1
    assert not folded.locator("a").first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.locator("a").count() == 5
    assert folded.locator("a").last.is_visible()
    assert page.faults == []


def test_a_methods_page_is_reached_by_a_link(opened):
    page = opened("tables")
    page.get_by_role("link", name="mu_liu", exact=True).click()
    page.wait_for_selector("#view-method:visible")
    assert page.locator("#view-method h2").inner_text().startswith("mu_liu")
    page.locator("#view-method details", has_text="repetition 0").first.locator("summary").click()
    assert page.get_by_text("hashbench run --methods mu_liu").first.is_visible()
    assert page.faults == []


def test_print_leaves_the_controls_out(opened):
    page = opened("tables")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#filters").is_visible()
    assert page.locator(".results").is_visible()
