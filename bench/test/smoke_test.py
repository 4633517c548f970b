# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from suite import readme, report

ROOT = Path(__file__).resolve().parent.parent.parent
# One of each kind: pairs, counting, a race, a daemon that is killed.
SOME = "live,quiet,pingpong,restart"


class SmokeTest(unittest.TestCase):
    def test_the_suite_runs_and_its_report_shows_what_it_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            subprocess.run(
                [
                    sys.executable,
                    ROOT / "bench" / "run",
                    "--profile",
                    "smoke",
                    "--only",
                    SOME,
                    "--output",
                    root / "results",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=180,
            )
            file = next((root / "results").glob("*.json"))
            result = json.loads(file.read_text())
            figures = result["measurements"]
            self.assertEqual(list(figures), SOME.split(","))
            self.assertEqual((figures["quiet"]["frames"], figures["quiet"]["requests"]), (0, 0))
            for game in ("turns", "race"):
                played = figures["pingpong"][game]
                self.assertGreater(played["made"], 0)
                self.assertEqual((played["unjustified"], played["unexplained"], played["over_the_limit"]), (0, 0, 0))

            (root / "README.md").write_text(f"Before.\n{readme.BEGIN}Old.\n{readme.END}After.\n")
            report.write(result, file, root)
            page = (root / "docs" / "benchmarks.md").read_text()
            self.assertIn(f"{figures['pingpong']['race']['grants']:,}", page)
            for line in page.splitlines():
                if line.startswith("!["):
                    self.assertTrue((root / "docs" / line.split("(")[1].rstrip(")")).exists(), line)
            self.assertIn("](benchmarks/live.svg)", page)
            front = (root / "README.md").read_text()
            self.assertRegex(front, r"(?s)\ABefore\..*newest block \| \d+ ns.*After\.\n\Z")
            self.assertNotIn("Old.", front)

    def test_a_measurement_that_does_not_exist_is_refused_with_those_that_do(self):
        done = subprocess.run([ROOT / "bench" / "run", "--only", "speed"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no speed; there are threads, ", done.stderr)


if __name__ == "__main__":
    unittest.main()
