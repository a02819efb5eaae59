/*
 * Copyright (c) 2026 tcx.m365 contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
// Runs before the first paint, so that neither the list nor the chosen colors flicker in.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("tcx-report-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch (refused) {
  // A browser that keeps no storage for files still shows the page in the colors of the system.
}
