// Copyright (c) 2026 tcx.m365 contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Rules of WCAG 2.2 AA that a machine can check; returns one sentence per fault.
() => {
  const faults = [];
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const shown = (node) => node.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });
  const tell = (rule, node) => faults.push(rule + ": " + node.outerHTML.slice(0, 160));

  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title) faults.push("no title");
  for (const landmark of ["main", "header", "footer"]) if (all(landmark).length !== 1) faults.push("not exactly one " + landmark);

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6").filter(shown)) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) tell("heading level skipped", heading);
    if (!heading.textContent.trim()) tell("empty heading", heading);
    level = next;
  }
  if (all("h1").length !== 1) faults.push("not exactly one h1");

  const ids = all("[id]").map((node) => node.id);
  for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push("id twice: " + id);
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const node of all("[" + name + "]")) {
      if (name === "aria-controls" && node.getAttribute("aria-expanded") === "false") continue;
      for (const id of node.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) tell(name + " leads nowhere", node);
    }
  }

  for (const field of all("input, select, textarea").filter(shown)) {
    if (![...field.labels].some((label) => label.textContent.trim()) && !field.getAttribute("aria-label")) tell("field without label", field);
  }
  for (const node of all("button, a[href], summary").filter(shown)) {
    if (!node.textContent.trim() && !node.getAttribute("aria-label")) tell("control without name", node);
    const box = node.getBoundingClientRect();
    const inline = node.tagName === "A";
    if (!inline && (box.height < 24 || box.width < 24)) tell("target smaller than 24 px", node);
  }
  for (const svg of all("svg")) {
    if (svg.getAttribute("aria-hidden") === "true") continue;
    if (svg.getAttribute("role") !== "img" || !svg.querySelector(":scope > title") || !svg.querySelector(":scope > desc")) tell("chart without name", svg);
  }
  for (const table of all("table").filter(shown)) {
    if (!all("th[scope=col]", table).length) tell("table without column headers", table);
  }
  for (const list of all("ul, ol")) for (const child of list.children) if (child.tagName !== "LI") tell("no list item", child);
  for (const list of all("dl")) for (const child of list.children) if (!["DT", "DD", "DIV"].includes(child.tagName)) tell("no entry of a list", child);

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  function channels(color) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }
  function ground(node) {
    for (let one = node; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  }
  function luminance(color) {
    const [red, green, blue] = color.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(node) || !shown(node) || node.closest("script, style, title, desc, .skip, option")) continue;
    seen.add(node);
    const style = getComputedStyle(node);
    const pair = [luminance(channels(node.closest("svg") ? style.fill : style.color)), luminance(ground(node))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) tell("contrast " + contrast.toFixed(2), node);
  }
  for (const shape of all(".verdict-chart rect, .timeline .alone")) {
    const pair = [luminance(channels(getComputedStyle(shape).fill)), luminance(ground(shape.closest(".card")))].sort((a, b) => b - a);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < 3) tell("contrast of a shape", shape);
  }
  return faults;
}
