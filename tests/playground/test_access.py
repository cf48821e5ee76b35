#!/usr/bin/python3
"""The page for everyone: accessibility in a real browser, and what old browsers and those without JavaScript show."""

import sys
import unittest
from functools import partial
from pathlib import Path

PYTHON = Path(__file__).parents[2] / "build/playground/python"
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support"), str(PYTHON)]

import counts
from browser import PAGE, VIEWS, Keys, PageCase

try:
    from axe_selenium_python import Axe
except ImportError:
    Axe = None                                          # PyPI's axe-selenium-python, which tests/playground/axe gets
    print("skipped: axe, because axe-selenium-python could not be had from PyPI")

AXE_SCRIPT = str(PYTHON / "axe_playwright_python/axe.min.js")       # axe-selenium-python's own is of 2018, before WCAG 2.1's rules


class AccessTest(PageCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.colors, "")

    @unittest.skipIf(Axe is None, "axe-selenium-python is missing")
    def test_axe_finds_no_violation(self):
        for scheme in ["light", "dark"]:
            self.colors(scheme)
            for fragment in [*VIEWS, "#view=flow&tour=1", "#view=flow&residual=h+%2B+g(h)", "#view=flow&depth=x"]:
                with self.subTest(fragment, scheme=scheme):
                    self.load(fragment)
                    if "train" in fragment:
                        self.button("Train").click()
                        self.wait(lambda: self.finding().startswith("After"), "the training")
                        self.settle()
                    if "view=step" in fragment:
                        self.button("To the end").click()
                    for details in self.all("summary"):
                        if details.is_displayed():
                            details.click()
                    axe = Axe(self.driver, AXE_SCRIPT)
                    axe.inject()
                    violations = axe.run()["violations"]
                    self.assertEqual(violations, [], axe.report(violations))

    def test_headings_are_in_order_and_inputs_have_names(self):
        for fragment in VIEWS:
            with self.subTest(fragment):
                self.load(fragment)
                levels = [int(level) for level in self.js("return [...document.querySelectorAll('h1, h2, h3, h4')].filter((h) => h.offsetParent).map((h) => h.tagName[1])")]
                self.assertEqual(levels[0], 1)
                self.assertTrue(all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels)

    def test_narrow_screens_and_zoom_need_no_sideways_scrolling(self):
        for fragment in VIEWS:
            self.load(fragment)
            for width in [1920, 1280, 640, 360, 320]:   # 640 is 1280 at 200 %, 320 at 400 %
                with self.subTest(fragment, width=width):
                    self.resize(width)
                    self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), width)

    def test_lines_and_borders_stand_out_in_both_schemes(self):
        def luminance(text):
            parts = [int(text[i:i + 2], 16) / 255 for i in (1, 3, 5)]
            r, g, b = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
            return 0.2126 * r + 0.7152 * g + 0.0722 * b

        for scheme in ["light", "dark"]:
            self.colors(scheme)
            self.load()
            color = partial(self.js, "return getComputedStyle(document.documentElement).getPropertyValue(`--${arguments[0]}`).trim()")
            surface = luminance(color("surface"))
            for name in ["arm-0", "arm-1", "arm-2", "arm-3", "border", "axis", "shortcut", "focus"]:
                other = luminance(color(name))
                self.assertGreaterEqual((max(surface, other) + 0.05) / (min(surface, other) + 0.05), 3, f"{name}, {scheme}")

    def test_conclusion_is_announced_and_points_are_read(self):
        self.load()
        self.wait(lambda: "Without shortcuts" in self.one("#live").get_attribute("textContent"), "the announcement")
        slider = self.one(".reader input")
        slider.send_keys(Keys.ARROW_RIGHT)
        self.assertRegex(slider.get_attribute("aria-valuetext"), r"^layer 1: without shortcuts: .+; with shortcuts: ")

    def test_reduced_motion_is_respected(self):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.load()
        self.assertEqual(self.js("return getComputedStyle(document.querySelector('button')).transitionDuration"), "0s")


class OldBrowserTest(PageCase):
    def test_without_simd_a_message_is_shown(self):
        script = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "WebAssembly.validate = () => false"})
        self.driver.get(PAGE.as_uri())
        self.assertIn("too old for this page", self.wait(lambda: self.one("#content").text, "the sentence"))
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)

    def test_without_javascript_a_message_is_shown(self):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        self.driver.get("about:blank")
        self.driver.get(PAGE.as_uri())
        self.assertIn("needs JavaScript", self.one("noscript").text)
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


if __name__ == "__main__":
    sys.exit(counts.run(AccessTest, OldBrowserTest))
