"""Debian's Chromium, without a window."""

import os
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.waiting import eventually
from tools.machine import find

FLAGS = (
    "--headless",
    "--no-sandbox",  # root has none, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    # Whatever looks for hosts outside: a test asks nobody but its own server.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
)
DESKTOP = (1280, 900)
PHONE = (390, 844)

# A page that answers 404 or 403 is the test's own business; an error on a page that came is ours.
SOURCES = {"javascript", "security", "console-api", "recommendation", "intervention", "violation"}


class Browser:
    """A driver with what the tests of pages need; `driver` is selenium's own."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(find("chromium"))
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size={},{}".format(*DESKTOP)):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # In a group of its own, which can be ended as a whole. The path keeps selenium from a download.
        service = Service(str(find("chromedriver")), popen_kw={"start_new_session": True})
        self.driver = webdriver.Chrome(options=options, service=service)
        self.pid: int = service.process.pid
        self._errors: list[str] = []

    def open(self, url: str) -> None:
        self.driver.get(url)

    def find(self, selector: str, timeout: float = 10) -> WebElement:
        """Return the first element that matches the CSS selector, as soon as there is one."""
        found = eventually(
            lambda: self.driver.find_elements(By.CSS_SELECTOR, selector),
            timeout=timeout,
            message=lambda: f"{selector} on {self.driver.current_url}, which shows:\n{self.text()[:2000]}",
        )
        return found[0]

    def fill(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def text(self) -> str:
        """What the page shows; nothing while the next one is on its way."""
        try:
            return self.driver.find_element(By.TAG_NAME, "body").text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def log_in(self, site: str, username: str, password: str) -> None:
        """Log in to the admin at `site` (".../admin/")."""
        self.open(f"{site}login/?next={'/' + site.split('/', 3)[3]}")
        self.fill("#id_username", username)
        self.fill("#id_password", password)
        self.click("input[type=submit]")
        self.find("#user-tools")

    def screenshot(self, file: Path, *, dark: bool = False, size: tuple[int, int] = DESKTOP) -> Path:
        """Write a PNG of the whole page, as a device of this size and taste shows it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.emulate(dark=dark, size=size)
        width, height = self.driver.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        self.emulate(dark=dark, size=(max(width, size[0]), max(height, size[1])))
        self.driver.save_screenshot(str(file))
        self.emulate()
        return file

    def emulate(self, *, dark: bool = False, size: tuple[int, int] = DESKTOP) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def errors(self) -> list[str]:
        """Return what the console has said since the start of the test: script errors and CSP violations."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] == "SEVERE" and entry["source"] in SOURCES:
                self._errors.append(f"{entry['source']}: {entry['message']}")
        return list(self._errors)

    def forget(self) -> None:
        """Become a browser that nobody has used yet."""
        self.open("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.emulate()
        self.errors()
        self._errors.clear()

    def close(self) -> None:
        self.driver.quit()


def screenshots_folder(default: Path) -> Path:
    """Return where screenshots are kept: DJTASKQ_SCREENSHOTS, to look at them after the run."""
    return Path(os.environ.get("DJTASKQ_SCREENSHOTS", default))
