# SPDX-License-Identifier: Apache-2.0
import json
import tempfile
import unittest
from pathlib import Path

from suite import readme

ROOT = Path(__file__).resolve().parent.parent.parent


class ReadmeTest(unittest.TestCase):
    def test_the_readmes_figures_are_those_of_the_run_that_is_kept(self):
        (kept,) = (ROOT / "bench" / "results").glob("*.json")
        figures = readme.figures(json.loads(kept.read_text())["measurements"])
        self.assertIn(readme.BEGIN + figures + readme.END, (ROOT / "README.md").read_text())

    def test_a_page_without_a_place_for_them_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "README.md"
            page.write_text("No figures.\n")
            with self.assertRaises(ValueError):
                readme.write({}, page)
            self.assertEqual(page.read_text(), "No figures.\n")


if __name__ == "__main__":
    unittest.main()
