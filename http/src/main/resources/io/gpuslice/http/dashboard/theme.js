// SPDX-License-Identifier: Apache-2.0
// Runs before the first paint, so that a chosen theme does not flash up as the other one.
{
    const theme = localStorage.getItem("gpuslice.theme");
    if (theme === "light" || theme === "dark") {
        document.documentElement.dataset.theme = theme;
    }
}
