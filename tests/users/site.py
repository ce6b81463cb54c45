"""The admin as somebody with a browser uses it, as far as forms go."""

import html
import http.cookiejar
import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, build_opener


class Site:
    """Logged in at the admin of this address."""

    def __init__(self, address, username, password):
        self._address = address
        self._opener = build_opener(HTTPCookieProcessor(http.cookiejar.CookieJar()))
        _, page = self.send("login/", username=username, password=password, next="/admin/")
        assert "logout" in page, page

    @staticmethod
    def answers(address):
        try:
            return build_opener().open(address, timeout=5).status
        except OSError:
            return None

    def open(self, path, data=None):
        """Status and text of a page."""
        try:
            with self._opener.open(urljoin(self._address, path), data, timeout=20) as page:
                return page.status, page.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def read(self, path):
        status, text = self.open(path)
        assert status == 200, (status, text)
        return json.loads(text)

    def send(self, path, **fields):
        """Fill in the form of a page."""
        _, page = self.open(path)
        key = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        return self.open(path, urlencode({"csrfmiddlewaretoken": key, **fields}).encode())

    def token(self, scope):
        """A new API token, as the page shows it."""
        _, page = self.send("djtaskq_monitor/apitoken/add/", name="test", scope=scope)
        found = re.search(r"shown this once: ([\w-]+)", html.unescape(page))
        assert found, page
        return found[1]
