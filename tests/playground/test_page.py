#!/usr/bin/python3
"""The page in a real browser: its views, rules, links, files and keyboard. See examples/playground/README.md."""

import csv
import io
import math
import sys
import threading
import xml.etree.ElementTree
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

import counts
from browser import PAGE, VIEWS, By, Keys, PageCase, native

RELATIVE = 1e-6                                         # see the README: libm's last bit


def serve(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class ViewTest(PageCase):
    def test_every_view_opens_with_a_conclusion_and_figures(self):
        for fragment in VIEWS:
            with self.subTest(fragment):
                self.load(fragment)
                self.assertGreater(len(self.finding()), 20)
                self.assertEqual(len(self.all("nav a[aria-current=page]")), 1)

    def test_first_plot(self):
        for _ in range(3):
            self.load()
            mark = self.js("return performance.getEntriesByName('first-plot')[0].startTime")
            print(f"measured: first plot after {mark:.0f} ms (the target is 1,000 ms)")
        self.assertGreater(mark, 0)

    def test_redraw(self):
        for depth, seeds, target in [(20, 20, 100), (1000, 20, 2000)]:
            self.load(f"#view=flow&depth={depth - 1}&seeds={seeds}")
            self.type(self.labeled("First seed"), "1")
            self.js("performance.clearMeasures()")
            self.js("const box = arguments[0]; box.value = arguments[1]; box.dispatchEvent(new Event('input'))", self.labeled("Depth"), depth)
            self.settle()
            times = self.js("return performance.getEntriesByName('follow').map((entry) => entry.duration)")
            print(f"measured: {depth} layers, {seeds} seeds redrawn after {times[-1]:.0f} ms (the target is {target:,} ms)")
            self.assertGreater(len(times), 0)

    def test_one_file_of_less_than_a_megabyte_that_loads_nothing(self):
        self.assertLess(PAGE.stat().st_size, 1_000_000)
        self.load()
        loaded = self.js("return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !/^(blob|data):/.test(name))")
        self.assertEqual(loaded, [])

    def test_a_web_server_serves_it_as_well(self):
        server = serve(PAGE.parent)
        self.load("", f"http://127.0.0.1:{server.server_port}/{PAGE.name}")
        self.assertIn("Without shortcuts", self.finding())
        server.shutdown()

    def test_conclusion_agrees_with_the_command_line(self):
        self.load("#view=flow&depth=12&seeds=1")
        rows = [row for row in csv.DictReader(io.StringIO(native(self.command()))) if row["kind"] == "weight_grad"]
        without = [float(row["mean_abs"]) for row in rows if row["run"] == "0"]
        fold = without[-1] / without[0]
        self.js("document.querySelector('.data').open = true")
        cells = self.wait(lambda: self.all(".data tbody tr:first-child td"), "the table")
        self.assertAlmostEqual(float(cells[0].text.replace("·10", "e").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))) * fold, 1, delta=0.01)

    def test_training_reaches_the_command_lines_loss(self):
        self.load("#view=train&net=mlp&depth=6&steps=20")
        self.button("Train").click()
        self.wait(lambda: self.finding().startswith("After 20 steps"), "the training")
        self.settle()
        self.assertIn("without shortcuts, the loss went from", self.finding())
        self.assertEqual(len(self.all(".pair .figure image")), 4)          # two maps, and the bars of their colors

    def test_training_can_be_stopped(self):
        self.load("#view=train&steps=1000")
        self.button("Train").click()
        stop = self.wait(lambda: [b for b in self.all("button") if b.is_displayed() and b.text == "Stop"], "the button")
        stop[0].click()
        self.settle()
        self.assertNotIn("After 1000", self.finding())

    def test_train_pressed_again_starts_over(self):
        self.load("#view=train&steps=1000")
        self.button("Train").click()
        self.wait(lambda: self.all(".pair .figure image"), "its first steps")
        self.js("const box = arguments[0]; box.value = 20; box.dispatchEvent(new Event('input'))", self.labeled("Steps"))
        self.button("Train").click()
        self.wait(lambda: self.finding().startswith("After 20 steps"), "the training with the new settings")


class SettingTest(PageCase):
    def test_what_is_shown_changes_chart_and_address_without_another_run(self):
        self.load("#view=flow&net=gpt&n-layer=2&seeds=1")
        self.js("performance.clearMeasures()")
        self.labeled("Scale").send_keys("as")
        self.labeled("Show").send_keys("Sim")
        self.assertEqual(self.one(".figure h3").text, "Similarity of the tokens")
        self.assertIn("metric=cosine&scale=absolute", self.driver.current_url)
        self.assertEqual(self.js("return performance.getEntriesByName('follow').length"), 0)

    def test_slider_changes_depth_address_and_conclusion(self):
        self.load()
        before = self.finding()
        slider = self.one("input[aria-label='Depth, typical values']")
        slider.send_keys(Keys.ARROW_RIGHT)
        self.settle()
        depth = self.labeled("Depth").get_attribute("value")
        self.assertGreater(int(depth), 20)
        self.assertIn(f"depth={depth}", self.driver.current_url)
        self.wait(lambda: self.finding() != before, "another conclusion")

    def test_link_reproduces_the_view(self):
        self.load()
        self.type(self.labeled("Depth"), "9")
        self.type(self.labeled("Rule 2"), "h + 0.5*f(h)")
        self.wait(lambda: "0.5*f(h)" in self.finding(), "the rule")
        finding = self.finding()
        self.load(self.js("return location.hash"))
        self.assertEqual(self.finding(), finding)
        self.assertEqual(self.labeled("Depth").get_attribute("value"), "9")

    def test_invalid_link_shows_defaults_and_a_note(self):
        self.load("#view=flow&depth=minus&net=cnn&bogus=1&constructor=1")
        note = self.one("#notice").text
        for part in ["'minus' is not an integer between 2 and 1000", "'cnn' is unknown", "'bogus' is not a setting", "'constructor' is not a setting"]:
            self.assertIn(part, note)
        self.assertEqual(self.labeled("Depth").get_attribute("value"), "20")

    def test_number_out_of_range_says_so_and_changes_nothing(self):
        self.load()
        before = self.finding()
        box = self.labeled("Depth")
        self.type(box, "0")
        self.assertEqual(box.get_attribute("aria-invalid"), "true")
        self.assertIn("between 2 and 1000", self.driver.find_element(By.ID, box.get_attribute("aria-describedby")).text)
        self.assertEqual(self.finding(), before)

    def test_too_large_a_network_is_refused_with_its_size(self):
        self.load("#view=flow&depth=1000&width=1024")
        self.assertRegex(self.wait(lambda: self.one(".run-error").text, "the refusal"), r"\d (M|G)iB")
        self.type(self.labeled("Width"), "3")
        self.wait(lambda: "Without shortcuts" in self.finding(), "a result afterwards")

    def test_four_networks_and_no_more(self):
        self.load()
        self.button("Add a network").click()
        self.button("Add a network").click()
        self.settle()
        self.assertEqual(len(self.all(".arm")), 4)
        self.assertFalse([b for b in self.all("button") if b.text == "Add a network"])
        self.all("button[aria-label^='Remove rule']")[3].click()
        self.settle()
        self.assertEqual(len(self.all(".arm")), 3)


class RuleTest(PageCase):
    def test_invalid_rule_is_explained_under_its_column(self):
        self.load()
        before = self.finding()
        box = self.labeled("Rule 2")
        self.type(box, "h + g(h)")
        error = self.driver.find_element(By.ID, box.get_attribute("aria-describedby"))
        self.wait(error.is_displayed, "the error")
        rule, caret = error.find_element(By.TAG_NAME, "pre").get_attribute("textContent").split("\n")
        self.assertEqual(rule[caret.index("^")], "g")
        self.assertIn("column 5: unknown function 'g'", error.text)
        self.assertEqual(box.get_attribute("aria-invalid"), "true")
        self.assertEqual(self.finding(), before)
        self.type(box, "h + f(h)")
        self.wait(lambda: not error.is_displayed(), "the error to go")
        self.assertEqual(box.get_attribute("aria-invalid"), "false")

    def test_rule_is_chosen_by_keyboard(self):
        self.load()
        box = self.labeled("Rule 2")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys("rezero")
        self.assertEqual(box.get_attribute("aria-expanded"), "true")
        box.send_keys(Keys.ARROW_DOWN)
        active = self.driver.find_element(By.ID, box.get_attribute("aria-activedescendant"))
        self.assertEqual(active.get_attribute("aria-selected"), "true")
        box.send_keys(Keys.ENTER)
        self.settle()
        self.assertEqual(box.get_attribute("value"), "rezero")
        self.assertEqual(box.get_attribute("aria-expanded"), "false")
        self.wait(lambda: "With rezero" in self.finding(), "its conclusion")

    def test_escape_closes_the_list(self):
        self.load()
        box = self.labeled("Rule 1")
        box.click()
        self.assertTrue(self.one(".options").is_displayed())
        self.assertGreaterEqual(len(self.all(".options:not([hidden]) [role=option]")), 21)
        box.send_keys(Keys.ESCAPE)
        self.assertFalse(self.one(".options").is_displayed())


class FileTest(PageCase):
    def compare(self, fragment):
        self.load(fragment)
        page = list(csv.reader(io.StringIO(self.download(self.button("Download CSV"), "csv"))))
        line = list(csv.reader(io.StringIO(native(self.command()))))
        self.assertEqual(len(page), len(line))
        unequal = 0
        for ours, theirs in zip(page, line):
            for a, b in zip(ours, theirs, strict=True):
                if a != b:
                    unequal += 1
                    self.assertTrue(math.isclose(float(a), float(b), rel_tol=RELATIVE), f"{ours}\n{theirs}")
        print(f"measured: {fragment}: {len(page)} rows, {unequal} numbers differ in some digit")

    def test_csv_is_the_commands(self):
        for fragment in ["#view=flow", "#view=flow&net=gpt&seeds=2", "#view=paths&residual=keel&residual=h+%2B+0.5*f(h)", "#view=step", "#view=step&net=gpt&residual=keel",
                         "#view=train&net=mlp&depth=5&steps=20", "#view=train&steps=5&n-layer=2&task=to+copy", "#view=train&steps=5&n-layer=2&task=my+text&text=%C3%9Cber+'uns'"]:
            with self.subTest(fragment):
                self.compare(fragment)

    def test_svg_is_self_contained(self):
        self.load()
        text = self.download(self.all(".figure-head button")[0], "svg")
        root = xml.etree.ElementTree.fromstring(text)
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertIn("without shortcuts", text)
        self.assertNotIn("var(", text)


class StepTest(PageCase):
    def test_walks_forward_and_back_by_buttons(self):
        self.load("#view=step")
        moves = int(self.one(".walk input").get_attribute("max"))
        for _ in range(moves):
            self.button("Next →").click()
        self.assertIn(f"Backward, {moves} of {moves}", self.finding())
        self.assertFalse(self.button("Next →").is_enabled())
        self.button("← Back").click()
        self.assertIn(f"{moves - 1} of {moves}", self.finding())

    def test_addition_passes_gradient_to_both_inputs_and_the_paths_meet(self):
        self.load("#view=step")
        slider = self.one(".walk input")
        notes = []
        for _ in range(int(slider.get_attribute("max"))):
            slider.send_keys(Keys.ARROW_RIGHT)
            notes.append(self.one(".note").text)
        passing = [note for note in notes if "arrived. The addition passes it to both inputs" in note]
        self.assertGreater(len(passing), 1)
        self.assertEqual(sum("Here the two paths meet again" in note for note in notes), len(passing))

    def test_graph_and_numbers_by_keyboard(self):
        self.load("#view=step&net=gpt")
        row = self.one("[role=treeitem][tabindex='0']")
        row.send_keys(Keys.END)
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertIn("Forward", self.finding())
        self.driver.switch_to.active_element.send_keys(Keys.HOME)
        group = next(item for item in self.all("[aria-expanded]") if item.get_attribute("role") == "treeitem")
        state = group.get_attribute("aria-expanded")
        group.send_keys(Keys.ENTER)
        self.assertNotEqual(self.one("[role=treeitem][aria-expanded]").get_attribute("aria-expanded"), state)
        cell = self.one(".cells td[tabindex='0']")
        cell.send_keys(Keys.ARROW_RIGHT)
        self.assertRegex(self.one(".pointed").text, r"\[.*\] = ")


class TourTest(PageCase):
    def tab_to(self, selector, limit=60):
        for _ in range(limit):
            element = self.driver.switch_to.active_element
            if self.js("return arguments[0].matches(arguments[1])", element, selector):
                return element
            element.send_keys(Keys.TAB)
        self.fail(f"{selector} is not reached by {limit} tabs")

    def predict_and_reveal(self):
        self.tab_to("#tour input[type=radio]").send_keys(Keys.SPACE)
        self.tab_to("#tour button.primary").send_keys(Keys.ENTER)
        self.wait(lambda: self.all(".reply:not([hidden])"), "the reply")

    def test_by_keyboard_only_from_first_to_last_step(self):
        self.load()
        self.js("localStorage.clear()")
        self.tab_to("#tour-start").send_keys(Keys.ENTER)
        for number in range(1, 9):
            self.wait(lambda: f"Step {number} of 8" in self.one("#tour h2").text, f"step {number}")
            self.assertFalse(self.one("#main .result .figures").is_displayed(), "the result is hidden until it is predicted")
            self.assertFalse(self.button("Reveal").is_enabled())
            self.predict_and_reveal()
            self.settle()
            self.assertTrue(self.one("#main .result .figures").is_displayed())
            self.assertEqual(len(self.all(".answer.right")), 1)
            self.tab_to("#tour button.primary").send_keys(Keys.ENTER)
        self.wait(lambda: not self.one("#tour").is_displayed(), "the end")

    def test_back_and_remembered_place(self):
        self.load("#view=flow&tour=3&depth=20")
        self.assertIn("Step 3 of 8", self.one("#tour h2").text)
        self.button("← Back").click()
        self.wait(lambda: "Step 2 of 8" in self.one("#tour h2").text, "step 2")
        self.button("Leave the tour").click()
        self.assertFalse(self.one("#tour").is_displayed())
        self.load()
        self.one("#tour-start").click()
        self.wait(lambda: "Step 2 of 8" in self.one("#tour h2").text, "the remembered step")

    def test_a_link_to_a_step_has_its_settings(self):
        self.load("#tour=2")
        self.assertEqual(len(self.all(".arm")), 1)
        self.load("#tour=2&residual=none-plain&residual=plain")
        self.assertEqual(len(self.all(".arm")), 2)
        self.load("#tour=7&metric=weight")
        self.assertIn("--net gpt --n-layer 12 ", self.one("#main").text)


if __name__ == "__main__":
    sys.exit(counts.run(ViewTest, SettingTest, RuleTest, FileTest, StepTest, TourTest))
