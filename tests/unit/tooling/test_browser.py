import http.server
import threading

import pytest

from tests.browser import PHONE

PAGE = b"""<!doctype html><meta name="viewport" content="width=device-width"><title>t</title>
<style>:root { color-scheme: light dark } </style><p>Hello<script>%s</script>"""


@pytest.fixture
def page():
    """Serve one page, with a Content-Security-Policy if asked for."""
    servers = []

    def serve(script=b"", policy=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(PAGE % script)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_good_page_leaves_nothing_on_the_console(browser, page):
    browser.open(page())
    assert browser.text() == "Hello"
    assert browser.errors() == []


@pytest.mark.parametrize(
    ("script", "policy"),
    [(b"nowhere()", None), (b"throw new Error('x')", None), (b"document.title = 'x'", "script-src 'self'")],
    ids=["unknown name", "exception", "policy"],
)
def test_an_error_on_the_page_is_seen(browser, page, script, policy):
    browser.open(page(script, policy))
    assert len(browser.errors()) == 1
    browser.forget()


def test_a_screenshot_shows_the_taste_and_the_device(browser, page, tmp_path):
    browser.open(page())
    light = browser.screenshot(tmp_path / "light.png").read_bytes()
    dark = browser.screenshot(tmp_path / "dark.png", dark=True).read_bytes()
    phone = browser.screenshot(tmp_path / "phone.png", size=PHONE).read_bytes()
    assert light != dark
    assert int.from_bytes(phone[16:20], "big") == PHONE[0]
    assert int.from_bytes(light[16:20], "big") == 1280
