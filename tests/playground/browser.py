"""Chromium, driven by Selenium, on the page as `make playground` builds it."""

import os
import shlex
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "build/playground.html"
VIEWS = ["#view=flow", "#view=flow&net=gpt", "#view=paths", "#view=paths&net=gpt", "#view=step", "#view=step&net=gpt", "#view=train&steps=20&n-layer=2"]
GPTAPE = os.environ.get("GPTAPE_BIN", ROOT / "build/gptape")
PATIENCE = 60                                           # seconds until a page that does not answer has failed


def start(downloads):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"]:
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": downloads})
    return driver


class PageCase(unittest.TestCase):
    """One browser for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.driver = start(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.folder.cleanup()

    def setUp(self):
        self.resize(1280)
        self.driver.get_log("browser")

    def tearDown(self):
        self.assertEqual([entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")], [])

    def resize(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def colors(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def load(self, fragment="", base=None):
        """Opens the page, waits for its first result."""
        self.driver.get("about:blank")
        self.driver.get((base or PAGE.as_uri()) + fragment)
        self.wait(lambda: self.all(".view h2"), "a view")
        self.settle()

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, name):
        """The visible button of this name."""
        found = [button for button in self.all("button") if button.is_displayed() and button.text == name]
        self.assertEqual(len(found), 1, f"buttons called {name!r}")
        return found[0]

    def labeled(self, name):
        """The input that a visible label belongs to."""
        for label in self.all("label"):
            if label.is_displayed() and label.text.strip() == name:
                return self.driver.find_element(By.ID, label.get_attribute("for"))
        self.fail(f"no input is labeled {name!r}")

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail(f"waited {PATIENCE} s for {what}")

    def settle(self):
        """Waits until no run is in progress."""
        self.wait(lambda: self.js("return document.querySelector('.view')?.dataset.state !== 'busy'"), "the run")

    def finding(self):
        return self.one("#finding").text

    def type(self, box, text):
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text)
        self.settle()

    def command(self):
        """The words of the command that the page shows."""
        return shlex.split(self.js("return document.querySelector('.command code').textContent"))

    def download(self, button, suffix):
        for old in Path(self.folder.name).iterdir():
            old.unlink()
        button.click()
        return self.wait(lambda: next((p for p in Path(self.folder.name).glob(f"*.{suffix}") if p.stat().st_size > 0), None), f"a file .{suffix}").read_text()


def native(words):
    """The output of the command line with the plain kernels, which the page uses."""
    environment = {**os.environ, "GPTAPE_KERNELS": "plain"}
    return subprocess.run([str(GPTAPE), *words[1:], "--quiet"], env=environment, capture_output=True, text=True, check=True).stdout
