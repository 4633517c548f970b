# SPDX-License-Identifier: Apache-2.0
import unittest

from suite.bars import judged


def pair(baseline: float, subject: float, **setting) -> dict:
    return setting | {"baseline": [baseline] * 3, "subject": [subject] * 3}


def verdicts(measurements: dict) -> list[str]:
    return [bar.verdict for bar in judged(measurements)]


class BarsTest(unittest.TestCase):
    def test_forty_nanoseconds_are_allowed_and_not_one_more(self):
        four = pair(50, 90, threads=4)
        self.assertEqual(verdicts({"threads": [pair(50, 90, threads=1), four]}), ["met", "met"])
        self.assertEqual(verdicts({"threads": [pair(50, 91, threads=1), four]}), ["MISSED", "met"])

    def test_threads_may_cost_a_third_more_and_no_more(self):
        one = pair(50, 80, threads=1)
        self.assertEqual(verdicts({"threads": [one, pair(50, 102, threads=4)]}), ["met", "met"])
        self.assertEqual(verdicts({"threads": [one, pair(50, 103, threads=4)]}), ["met", "MISSED"])

    def test_growth_is_of_the_pair_and_random_order_is_beside_the_baseline(self):
        rows = [
            pair(50, 80, order="newest", live=0),
            pair(50, 88, order="newest", live=1000),
            pair(250, 430, order="random", live=1000),
        ]
        self.assertEqual(verdicts({"live": rows}), ["met", "met"])
        rows[1:] = [pair(50, 89, order="newest", live=1000), pair(250, 431, order="random", live=1000)]
        self.assertEqual(verdicts({"live": rows}), ["MISSED", "MISSED"])

    def test_one_frame_is_one_too_many(self):
        figures = {"frames": 0, "requests": 0, "pairs": 9, "idle": [0.3], "churning": [0.8]}
        self.assertEqual(verdicts({"quiet": figures}), ["met", "met"])
        self.assertEqual(verdicts({"quiet": figures | {"frames": 1, "churning": [0.81]}}), ["MISSED", "MISSED"])

    def test_verbs_are_beside_an_empty_java_main(self):
        figures = {"true": [1], "java": [20], "run": [100], "ps": [160]}
        self.assertEqual(verdicts({"run": figures}), ["met", "met"])
        self.assertEqual(verdicts({"run": figures | {"run": [101], "ps": [161]}}), ["MISSED", "MISSED"])
        self.assertEqual(verdicts({"run": {"java": [20], "run": [100]}}), ["met"])

    def test_who_lists_sessions_may_double_a_charge_and_no_more(self):
        figures = {"sessions": 200, "without": [{"p99_us": 100}], "rate": [{"p99_us": 200}]}
        self.assertEqual(verdicts({"lists": figures}), ["met"])
        self.assertEqual(verdicts({"lists": figures | {"rate": [{"p99_us": 201}]}}), ["MISSED"])

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(verdicts({}), [])


if __name__ == "__main__":
    unittest.main()
