# SPDX-License-Identifier: Apache-2.0
import unittest
import xml.etree.ElementTree as ElementTree

from suite.plot import HEIGHT, Scale, Series, bars, nice

SVG = "{http://www.w3.org/2000/svg}"


class PlotTest(unittest.TestCase):
    def test_a_plot_is_well_formed_and_has_a_bar_for_each_figure(self):
        svg = bars("a < b & c", "ns", ["one", "two"], [Series("x", [1, 2]), Series("y", [3, 0.5], [(2, 4), (0, 1)])])
        root = ElementTree.fromstring(svg)
        self.assertEqual(root.find(f"{SVG}title").text, "a < b & c")
        self.assertEqual(len(root.findall(f"{SVG}rect")), 4 + 2)  # and the legend's two

    def test_a_figure_twice_as_large_is_a_bar_twice_as_high(self):
        scale = Scale(100, 1, logarithmic=False)
        foot = scale.y(0)
        self.assertAlmostEqual(foot - scale.y(80), 2 * (foot - scale.y(40)))

    def test_powers_of_ten_are_equally_far_apart_on_a_logarithmic_scale(self):
        scale = Scale(900, 2, logarithmic=True)
        self.assertEqual(scale.ticks, [1, 10, 100, 1000])
        self.assertAlmostEqual(scale.y(1) - scale.y(10), scale.y(100) - scale.y(1000))

    def test_a_negative_figure_is_no_bar_upside_down(self):
        svg = bars("t", "ns", ["one", "two"], [Series("x", [-1, 5], [(-2, 0), (4, 6)])])
        heights = [float(rect.get("height")) for rect in ElementTree.fromstring(svg).findall(f"{SVG}rect")]
        self.assertTrue(all(0 <= height < HEIGHT for height in heights))

    def test_ticks_are_round_numbers(self):
        self.assertEqual([nice(step) for step in (0.03, 1.0, 1.1, 4.9, 70)], [0.05, 1, 2, 5, 100])


if __name__ == "__main__":
    unittest.main()
