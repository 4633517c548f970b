# SPDX-License-Identifier: Apache-2.0
"""The benchmark: what it measures, how, and what it says about it. `bench/run` is the way in."""
