# SPDX-License-Identifier: Apache-2.0
import unittest

from suite.rounds import added, in_turns, percentile, quartiles


class RoundsTest(unittest.TestCase):
    def test_each_round_begins_with_another_contender(self):
        order = []
        in_turns({name: lambda name=name: order.append(name) for name in "abc"}, 3)
        self.assertEqual("".join(order), "abcbcacab")

    def test_figures_stand_in_the_order_of_the_rounds(self):
        counter = iter(range(100))
        figures = in_turns({"a": lambda: next(counter), "b": lambda: next(counter)}, 2)
        self.assertEqual(figures, {"a": [0, 3], "b": [1, 2]})

    def test_what_is_added_is_the_difference_within_a_round(self):
        self.assertEqual(added({"baseline": [10, 100], "subject": [15, 101]}), [5, 1])

    def test_rounds_that_do_not_match_are_an_error(self):
        with self.assertRaises(ValueError):
            added({"baseline": [1], "subject": [1, 2]})

    def test_quartiles_of_one_figure_are_that_figure(self):
        self.assertEqual(quartiles([7.0]), (7.0, 7.0))

    def test_a_percentile_is_a_figure_that_was_measured(self):
        self.assertEqual(percentile([3, 1, 2, 4], 0.5), 3)
        self.assertEqual(percentile([3, 1, 2, 4], 0.999), 4)


if __name__ == "__main__":
    unittest.main()
