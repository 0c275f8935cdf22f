"""The built site: links that lead somewhere, pictures that load, a search that finds.

``spin docs`` builds it, into ``docs/_build/html``; `.ci/run` does so before the tests.
"""

import shutil
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs" / "_build" / "html"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(
    not SITE.exists(), reason="the site is not built: spin docs"
)


class _Page(HTMLParser):
    """The anchors of a page, and what it refers to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.targets = set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        self.targets.update(attrs[key] for key in ("href", "src") if attrs.get(key))


@pytest.fixture(scope="module")
def pages():
    """Return the pages, by path."""
    return {
        path: _Page(path)
        for path in sorted(SITE.rglob("*.html"))
        if "_static" not in path.parts
    }


def test_links_lead_to_files_and_anchors(pages):
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            to = path
            if parts.path:
                to = (path.parent / unquote(parts.path)).resolve()
            if not to.exists():
                broken.append(f"{path.relative_to(SITE)}: {target}: no such file")
            elif (
                parts.fragment
                and to in pages
                and unquote(parts.fragment) not in pages[to].anchors
            ):
                broken.append(f"{path.relative_to(SITE)}: {target}: no such anchor")
    assert broken == []


def test_every_example_is_in_the_gallery(pages):
    gallery = pages[SITE / "auto_examples" / "index.html"]
    examples = [path.stem for path in (ROOT / "examples").glob("*.py")]
    assert len(examples) >= 12
    assert {f"{name}.html" for name in examples} <= {
        target.split("#")[0] for target in gallery.targets
    }


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    """Serve the site, and return where."""
    handler = partial(_QuietHandler, directory=SITE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Return Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """Return a page of the browser that reaches nothing but the site."""
    context = browser.new_context()
    context.route(lambda url: not url.startswith(address), lambda route: route.abort())
    yield context.new_page()
    context.close()


def test_pictures_load(page, address, pages):
    broken, n_pictures = [], 0
    for path in pages:
        if "<img" not in path.read_text("utf-8"):
            continue
        name = path.relative_to(SITE).as_posix()
        page.goto(f"{address}/{name}", wait_until="load")
        # Pictures out of sight are loaded late, if at all.
        page.evaluate(
            """() => Promise.all(Array.from(document.images, image => {
                image.loading = "eager";
                return image.decode().catch(() => null);
            }))"""
        )
        widths = page.evaluate(
            "() => Array.from(document.images, i => [i.src, i.naturalWidth])"
        )
        widths = [(src, width) for src, width in widths if src.startswith(address)]
        n_pictures += len(widths)
        broken += [f"{name}: {src}" for src, width in widths if not width]
    assert broken == []
    assert n_pictures >= 12


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("PartitionedExpertsClassifier", "PartitionedExpertsClassifier"),
        ("different segment", "user_guide"),
    ],
)
def test_search_finds(page, address, words, expected):
    page.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
    page.wait_for_selector("#search-results ul.search li a", timeout=20_000)
    page.wait_for_function(
        "() => document.querySelector('#search-results .search-summary')"
        "?.innerText.match(/finished|found/)",
        timeout=20_000,
    )
    links = page.eval_on_selector_all(
        "#search-results ul.search li a", "links => links.map(a => a.href)"
    )
    assert any(expected in link for link in links)
