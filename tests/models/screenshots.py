"""Pictures of the page of `ingestr report`: docs/images/report.png, of the demo's account. With a folder as argument nothing
in docs/ is written, and that folder gets whole pages instead: of several accounts, narrow and wide, light and dark.

Run by scripts/screenshots, which says where the programs are. The data are those of scripts/demo, so the picture shows the
page that it ends with; the program's own fonts differ between machines, so CI does not compare it.
"""

import pathlib
import re
import sys
import tempfile

import accounts
import browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What README.md shows: the figures and two rows of charts.
PICTURE = {"width": 1280, "height": 1002}


def demo_arguments():
    """How scripts/demo starts its account, without the budget of requests."""
    [line] = re.findall(r'gorgias-sim" (.*?) \\\n', (ROOT / "scripts" / "demo").read_text())
    return line.split()


def page_of(folder, *simulator, since="90d", tables=None):
    """The page of a simulated account, as text; the footer tells of demo.duckdb."""
    with accounts.Simulator(*simulator) as account:
        account.load(folder / "demo.duckdb", "--source-table", tables or "*")
    return accounts.ingestr("report", "--dest-uri", "duckdb:///demo.duckdb", "--tz", "Europe/Paris", "--since", since, folder=folder)


def main():
    if browser.CHROMIUM is None:
        sys.exit("error: there is no Chromium on this machine\n  hint: install it, e.g. apt-get install chromium")
    with tempfile.TemporaryDirectory() as work, browser.chromium() as chromium:
        work = pathlib.Path(work)
        many = ["--tickets", "20000", "--messages", "60000", "--customers", "9000", "--surveys", "5000", "--calls", "0", "--lifelike"]
        made = {"demo": (demo_arguments(), "90d")}
        if sys.argv[1:]:
            few = ["--customers", "2", "--calls", "0", "--surveys", "1", "--lifelike"]
            made |= {
                "empty": (["--tickets", "0", "--messages", "0", *few], "90d"),
                "one": (["--tickets", "1", "--messages", "3", *few], "90d"),
                "many": (many, "90d"),
                "many-all": (many, "2000-01-01"),
                "odd": (["--tickets", "400", "--messages", "1600", "--customers", "150", "--surveys", "150"], "90d"),
            }
        for name, (arguments, since) in made.items():
            folder = work / name
            folder.mkdir()
            path = folder / "page.html"
            path.write_text(page_of(folder, *arguments, since=since))
            if not sys.argv[1:]:
                page = chromium.new_page(viewport=PICTURE, color_scheme="light")
                page.goto(path.as_uri())
                picture = ROOT / "docs" / "images" / "report.png"
                picture.parent.mkdir(exist_ok=True)
                page.screenshot(path=picture)
                print(f"wrote {picture.relative_to(ROOT)}: {picture.stat().st_size} bytes")
                continue
            out = pathlib.Path(sys.argv[1])
            out.mkdir(exist_ok=True, parents=True)
            for width in browser.WIDTHS:
                for scheme in browser.SCHEMES:
                    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    page.goto(path.as_uri())
                    page.screenshot(path=out / f"{name}-{width}-{scheme}.png", full_page=True)
                    page.close()
            page = chromium.new_page()
            page.goto(path.as_uri())
            page.pdf(path=out / f"{name}.pdf")


if __name__ == "__main__":
    main()
