"""The page of `ingestr report` in a real browser: nothing is loaded, nothing complains, and it shows what the marts hold."""

import re

import accounts
import browser
import pytest
import recompute
from recompute import median

NAMES = ["simulated", "made up, four tables", "one ticket", "empty"]


def made(copy, folder, name):
    """The page of a copy with the four tables, and what its six figures must be."""
    path, tables, zone = copy(name)
    accounts.ingestr("report", "--dest-uri", f"duckdb:///{path}", "--since", "1990-01-01", "--tz", zone, "-o", f"{folder}/page.html")
    account = recompute.Account({name: tables[name] for name in recompute.FOUR}, zone)
    marts = account.marts()
    daily = [row for row in marts["gorgias__daily"].values() if row["channel"] is None]
    if not daily:
        return dict.fromkeys(["created", "closed"], 0.0) | dict.fromkeys(["open", "first_response", "resolution", "csat"])
    last = max(row["day"] for row in daily)
    backlog = {row["day"]: row["open_tickets"] for row in marts["gorgias__backlog_daily"].values() if row["channel"] is None}
    scores = sum(row["surveys_scored"] for row in daily)

    def of_tickets(name):
        return median([ticket[name] for ticket in account.counted if ticket[name] is not None])

    return {
        "created": sum(row["tickets_created"] for row in daily),
        "closed": sum(row["tickets_closed"] for row in daily),
        "open": backlog.get(last),
        "first_response": of_tickets("first_response_seconds"),
        "resolution": of_tickets("resolution_seconds"),
        "csat": sum(row["scores_of_4_or_5"] for row in daily) / scores if scores else None,
    }


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_those_of_the_marts(copy, tmp_path, name):
    expected = made(copy, tmp_path, name)
    found = dict(re.findall(r'data-figure=(\w+) data-value="([^"]*)"', (tmp_path / "page.html").read_text()))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if value is None:
            assert found[key] == "", key
        else:
            assert float(found[key]) == pytest.approx(value, rel=1e-9, abs=1e-6), key


@pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("name", NAMES)
def test_in_a_browser(copy, tmp_path, name):
    made(copy, tmp_path, name)
    with browser.chromium() as chromium:
        for width in browser.WIDTHS:
            for scheme in browser.SCHEMES:
                page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                said, asked = [], []
                page.on("console", lambda message: said.append(message.text))
                page.on("pageerror", lambda error: said.append(str(error)))
                page.on("request", lambda request: asked.append(request.url))
                page.goto((tmp_path / "page.html").as_uri())
                assert not said and len(asked) == 1, (said, asked)
                wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                assert not page.evaluate(wider), f"{width}: the page is wider than its window"
                # What charts show is in tables, which the keyboard reaches.
                assert page.locator("figure").count() == page.locator("figure details table").count()
                assert page.locator("svg:not([aria-label])").count() == 0
                assert contrast(page, "header p") >= 4.5 and contrast(page, "dd.change") >= 4.5
                page.close()


def contrast(page, selector):
    """Of an element's text with what is behind it, as WCAG computes it."""
    text, behind = page.evaluate(
        """selector => {
            let element = document.querySelector(selector), color = getComputedStyle(element).color;
            while (getComputedStyle(element).backgroundColor == 'rgba(0, 0, 0, 0)') element = element.parentElement;
            return [color, getComputedStyle(element).backgroundColor].map(text => text.match(/[0-9]+/g).slice(0, 3).map(Number));
        }""", selector)

    def luminance(color):
        parts = [part / 255 for part in color]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(text), luminance(behind)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
