/*
 * Copyright (c) 2026 tcx.m365 contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const hosts = data.hosts;
  for (const host of hosts) if (host.controls) host.controls = host.controls.map((one) => typeof one === "number" ? data.controls[one] : one);
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const FIRST_ROWS = 60;
  const ROWS_AT_A_TIME = 150;
  const NO_END = 1e9;

  // Text only ever enters the page as text nodes: a value cannot become markup.
  function el(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }

  // The direction of a value (right to left, say) stays inside of it.
  const bdi = (text, className) => el("bdi", { class: className }, String(text));

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of [["class", "icon"], ["aria-hidden", "true"], ["width", "14"], ["height", "14"]]) svg.setAttribute(key, value);
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", "#icon-" + name);
    svg.append(use);
    return svg;
  }

  const plural = (number, one, many) => number.toLocaleString("en") + " " + (number === 1 ? one : many);
  const nextCertificate = (host) => (host.certs || []).find((certificate) => certificate.days !== undefined);
  const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  /* ---- details of one PBX ---- */

  function block(title, wide, ...children) {
    return el("section", wide ? { class: "wide" } : null, el("h3", null, title), ...children);
  }

  // What was found besides the findings: on the screen and in the JSON, too much for paper.
  function evidence(section) {
    section.classList.add("evidence");
    return section;
  }

  const list = (items) => el("ul", { class: "reasons" }, ...items.map((item) => el("li", null, bdi(item))));

  function marked(kind, word, text) {
    return el(kind, null, el("span", { class: "word" }, word), " ", bdi(text));
  }

  function driftCells(change) {
    if (change.removed === undefined) {
      return [[marked("del", "\u2212 before", change.before)], [marked("ins", "+ after", change.after)]];
    }
    const before = change.removed.map((text) => marked("del", "\u2212 removed", text));
    const after = change.added.map((text) => marked("ins", "+ added", text));
    const kept = change.kept ? el("span", { class: "quiet" }, plural(change.kept, "other stays", "others stay")) : null;
    const nothing = () => el("span", { class: "quiet" }, "nothing");
    return [before.length ? before : [nothing()], (after.length ? after : [nothing()]).concat(kept ? [kept] : [])];
  }

  function drift(host) {
    const rows = host.changes.map((change) => {
      const [before, after] = driftCells(change);
      return el("tr", null, el("th", { scope: "row" }, bdi(change.path)), el("td", null, ...before), el("td", null, ...after));
    });
    const head = el("tr", null, el("th", { scope: "col", class: "c-setting" }, "Setting"),
      el("th", { scope: "col" }, "Found"), el("th", { scope: "col" }, "Desired"));
    const table = el("table", { class: "drift" }, el("thead", null, head), el("tbody", null, ...rows));
    const rest = host.changesLeft ? el("p", { class: "quiet" }, plural(host.changesLeft, "more difference is", "more differences are") + " in compliance.json.") : null;
    return block("Drift", true, table, rest);
  }

  function certificates(host) {
    const rows = host.certs.map((one) => el("tr", null,
      el("td", null, bdi(one.name || "unnamed"), el("br"), bdi(one.thumbprint || "", "thumbprint")),
      el("td", null, one.ends || "unknown", el("br"), endText(one), one.superseded ? el("span", { class: "more" }, "replaced by a newer one") : null)));
    const head = el("tr", null, el("th", { scope: "col" }, "Certificate"), el("th", { scope: "col" }, "Expires"));
    return block("Certificates", false, el("table", { class: "certs" }, el("thead", null, head), el("tbody", null, ...rows)));
  }

  function consent(host) {
    const since = Object.fromEntries(host.consents || []);
    const told = (name) => (since[name] ? el("span", { class: "more" }, bdi(since[name])) : null);
    const lines = (names, kind, word) => (names || []).map((name) => el("li", null, el("span", { class: "tag " + kind }, word), " ", bdi(name, "value"), told(name)));
    const unneeded = host.unneeded || [];
    const all = (host.granted || []).concat(Object.keys(since));
    const needed = all.filter((name, place) => all.indexOf(name) === place && !unneeded.includes(name));
    const section = block("Consent", false, el("ul", null, ...lines(host.missing, "missing", "Missing"), ...lines(host.unneeded, "unneeded", "Unneeded"), ...lines(needed, "granted", "Granted")));
    return host.missing || host.unneeded ? section : evidence(section);
  }

  function controls(host) {
    const words = { pass: "Pass", fail: "Fail", attention: "Attention", not_checked: "Not checked" };
    const rows = host.controls.map((one) => el("tr", { class: "control-" + one.result },
      el("th", { scope: "row" }, bdi(one.title)), el("td", null, bdi(one.desired || "")), el("td", null, bdi(one.found || "")),
      el("td", null, el("span", { class: "result" }, words[one.result]), one.reason ? el("span", { class: "more" }, bdi(one.reason)) : null)));
    const head = el("tr", null, ...["Control", "Desired", "Found", "Result"].map((name) => el("th", { scope: "col" }, name)));
    return block("Controls", true, el("table", { class: "drift controls" }, el("thead", null, head), el("tbody", null, ...rows)));
  }

  function credentials(host) {
    const owners = { this_pbx: "this PBX", other_pbx: "another PBX", foreign: "not in the inventory" };
    const rows = host.credentials.map((one) => el("tr", null, el("td", { class: "whole" }, one.kind), el("td", null, bdi(one.name || "unnamed")),
      el("td", { class: "whole" }, one.expires || "never"), el("td", { class: one.owner === "foreign" ? "overdue-text" : "" }, owners[one.owner] || "")));
    const head = el("tr", null, ...["Kind", "Name", "Expires", "Whose"].map((name) => el("th", { scope: "col" }, name)));
    return block("Credentials of the application", false, el("table", { class: "certs" }, el("thead", null, head), el("tbody", null, ...rows)));
  }

  function pairs(title, entries) {
    const items = entries.flatMap(([name, values]) => [el("dt", null, bdi(name)), el("dd", null, ...values.map((value) => el("div", null, bdi(value))))]);
    return block(title, false, el("dl", { class: "pairs" }, ...items));
  }

  function facts(host) {
    const link = /^https?:\/\/[^\s]+$/i.test(host.url || "") ? el("a", { href: host.url, rel: "noopener noreferrer" }, bdi(host.url)) : host.url && bdi(host.url);
    const entries = [["Address", link], ["Version", host.version], ["Edition", host.edition], ["Tenant", host.tenantName], ["Tenant ID", host.tenant], ["Application", host.app]];
    const items = entries.filter((entry) => entry[1]).flatMap(([name, value]) => [
      el("dt", null, name), el("dd", null, typeof value === "string" ? bdi(value) : value)]);
    return items.length ? evidence(block("PBX", false, el("dl", { class: "pairs" }, ...items))) : null;
  }

  function panel(host) {
    return el("div", { class: "panel" },
      host.reasons ? block("Reasons", false, list(host.reasons)) : null,
      host.attention ? block("Attention", false, list(host.attention)) : null,
      host.remedies ? block("How to fix it", false, el("ol", null, ...host.remedies.map((text) => el("li", null, bdi(text))))) : null,
      host.changes ? drift(host) : null,
      host.controls ? evidence(controls(host)) : null,
      host.granted || host.missing || host.unneeded || host.consents ? consent(host) : null,
      host.uris ? evidence(block("Redirect URIs", false, list(host.uris))) : null,
      host.credentials ? evidence(credentials(host)) : null,
      host.owners ? evidence(block("Owners of the application", false, list(host.owners))) : null,
      host.certs ? evidence(certificates(host)) : null,
      host.unmanaged ? evidence(pairs("Not managed, left unchanged", host.unmanaged)) : null,
      host.status ? evidence(pairs("Status of the integration", host.status)) : null,
      facts(host));
  }

  /* ---- rows ---- */

  function endText(certificate) {
    const names = { overdue: "overdue-text", soon: "soon-text" };
    const text = certificate.state === "overdue" ? certificate.left : certificate.left;
    return el("span", { class: names[certificate.state] }, text);
  }

  function endCell(host) {
    const next = nextCertificate(host);
    if (!next) return [el("span", { class: "quiet" }, "unknown")];
    const last = host.certs.filter((one) => one.ends).pop();
    const successor = next.superseded && last && last.ends ? el("span", { class: "more" }, "newer one: " + last.ends) : null;
    return [next.ends || "", el("span", { class: "more" }, endText(next)), successor];
  }

  function checked(controls) {
    const left = controls.filter((one) => one.result === "not_checked").length;
    return plural(controls.length - left, "control", "controls") + " checked" + (left ? ", " + left + " not" : "");
  }

  function findings(host) {
    const rest = [];
    if (host.count) rest.push(plural(host.count, "difference", "differences"));
    if (host.missing) rest.push(plural(host.missing.length, "consent missing", "consents missing"));
    if (host.unneeded) rest.push(plural(host.unneeded.length, "consent unneeded", "consents unneeded"));
    const reason = (host.reasons || host.attention || [])[0] || (host.controls ? checked(host.controls) : host.verdict === "compliant" ? "As desired." : "");
    return [el("span", { class: "first-reason" }, bdi(reason)), rest.length ? el("span", { class: "more" }, rest.join(" \u00b7 ")) : null];
  }

  function makeRow(view) {
    const host = view.host;
    view.button = el("button", { type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": "details-" + view.place }, icon("chevron"), bdi(host.host));
    const badge = host.since ? el("span", { class: "badge" }, host.since) : null;
    const pill = el("span", { class: "pill " + host.verdict }, icon(host.verdict), data.labels[host.verdict]);
    view.row = el("tr", { class: "row", role: "row", id: "pbx-" + view.place },
      el("th", { scope: "row", role: "rowheader", class: "c-host" }, view.button),
      el("td", { role: "cell", class: "c-verdict" }, pill, badge ? el("br") : null, badge),
      el("td", { role: "cell", class: "c-findings" }, ...findings(host)),
      el("td", { role: "cell", class: "c-end", "data-label": "Certificate expires" }, ...endCell(host)),
      el("td", { role: "cell", class: "c-version", "data-label": "Version" }, bdi(host.version || "unknown"), host.edition ? el("span", { class: "more" }, bdi(host.edition)) : null));
    view.row.addEventListener("click", (event) => {
      if (!String(getSelection()) || event.target.closest("button")) open(view, !view.open);
    });
    return view.row;
  }

  function open(view, wanted) {
    if (!view.row) makeRow(view);
    view.open = wanted;
    view.button.setAttribute("aria-expanded", String(wanted));
    view.row.classList.toggle("open", wanted);
    if (wanted && !view.details) {
      view.details = el("tr", { class: "details", role: "row", id: "details-" + view.place }, el("td", { role: "cell", colspan: "5" }, panel(view.host)));
    }
    if (wanted && view.row.parentNode) view.row.after(view.details);
    if (!wanted && view.details) view.details.remove();
  }

  /* ---- which rows, in which order ---- */

  function flatten(value, into) {
    if (Array.isArray(value)) value.forEach((item) => flatten(item, into));
    else if (value && typeof value === "object") Object.values(value).forEach((item) => flatten(item, into));
    else if (value !== undefined && value !== null && typeof value !== "boolean") into.push(value);
    return into;
  }

  function haystack(view) {
    if (view.text === undefined) view.text = flatten(view.host, []).join("\n").toLowerCase();
    return view.text;
  }

  const views = hosts.map((host, place) => ({ host, place, open: false, row: null, details: null }));
  const verdicts = Object.keys(data.labels);
  const state = { verdicts: new Set(), words: [], tenant: "", certificate: "", since: "", sort: "verdict", descending: true };

  const COLUMNS = [
    { key: "host", label: "PBX", value: (view) => view.host.host },
    { key: "verdict", label: "Verdict", value: (view) => data.severity[view.host.verdict], worstFirst: true },
    { key: "findings", label: "Findings", value: (view) => (view.host.count || 0) + (view.host.missing || []).length + (view.host.unneeded || []).length, worstFirst: true },
    { key: "end", label: "Certificate expires", value: (view) => (nextCertificate(view.host) || { days: NO_END }).days },
    { key: "version", label: "Version", value: (view) => view.host.version || "" },
  ];

  function matches(view) {
    const host = view.host;
    if (state.verdicts.size && !state.verdicts.has(host.verdict)) return false;
    if (state.tenant && host.tenant !== state.tenant) return false;
    if (state.since && host.since !== state.since) return false;
    if (state.certificate !== "") {
      const next = nextCertificate(host);
      if (!next || next.days > Number(state.certificate)) return false;
    }
    return state.words.every((word) => haystack(view).includes(word));
  }

  function sorted(chosen) {
    const column = COLUMNS.find((one) => one.key === state.sort);
    const way = state.descending ? -1 : 1;
    const order = (a, b) => {
      const one = column.value(a), two = column.value(b);
      const result = typeof one === "number" ? one - two : natural.compare(one, two);
      return result ? way * result : a.place - b.place;
    };
    return chosen.sort(order);
  }

  const body = byId("rows");
  let pending = [];
  let ticket = 0;

  function draw(number) {
    const part = document.createDocumentFragment();
    for (const view of pending.splice(0, number)) {
      part.append(view.row || makeRow(view));
      if (view.open) part.append(view.details);
    }
    body.append(part);
  }

  // The first screens at once, the rest between frames: a long list must not hold up the page.
  function drawRest(mine) {
    if (mine !== ticket || !pending.length) return;
    draw(ROWS_AT_A_TIME);
    setTimeout(() => drawRest(mine), 0);
  }

  function update() {
    const chosen = sorted(views.filter(matches));
    pending = chosen.slice();
    ticket += 1;
    body.replaceChildren();
    draw(FIRST_ROWS);
    const mine = ticket;
    requestAnimationFrame(() => setTimeout(() => drawRest(mine), 0));
    byId("shown").textContent = chosen.length === views.length
      ? plural(views.length, "PBX", "PBXs")
      : chosen.length.toLocaleString("en") + " of " + plural(views.length, "PBX", "PBXs");
    byId("nothing").hidden = chosen.length > 0;
    byId("clear").hidden = !(state.verdicts.size || state.words.length || state.tenant || state.certificate || state.since);
    return chosen;
  }

  /* ---- controls ---- */

  function drawChips() {
    const counts = {};
    for (const host of hosts) counts[host.verdict] = (counts[host.verdict] || 0) + 1;
    for (const verdict of verdicts) {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": "false", "data-verdict": verdict },
        icon(verdict), data.labels[verdict], el("span", null, String(counts[verdict] || 0)));
      chip.addEventListener("click", () => {
        if (!state.verdicts.delete(verdict)) state.verdicts.add(verdict);
        chip.setAttribute("aria-pressed", String(state.verdicts.has(verdict)));
        update();
      });
      byId("verdict-filter").append(chip);
    }
  }

  function showSort() {
    for (const column of COLUMNS) {
      const way = state.sort === column.key ? (state.descending ? "descending" : "ascending") : null;
      if (way) byId("column-" + column.key).setAttribute("aria-sort", way);
      else byId("column-" + column.key).removeAttribute("aria-sort");
    }
    byId("sort").value = state.sort;
  }

  function sortBy(column, turn) {
    state.descending = turn && state.sort === column.key ? !state.descending : Boolean(column.worstFirst);
    state.sort = column.key;
    showSort();
    update();
  }

  function drawColumns() {
    for (const column of COLUMNS) {
      const button = el("button", { type: "button", class: "sort" }, column.label);
      button.addEventListener("click", () => sortBy(column, true));
      byId("columns").append(el("th", { scope: "col", role: "columnheader", class: "c-" + column.key, id: "column-" + column.key }, button));
      byId("sort").append(el("option", { value: column.key }, column.label));
    }
    byId("sort").addEventListener("change", (event) => sortBy(COLUMNS.find((one) => one.key === event.target.value), false));
  }

  function drawSelects() {
    for (const [tenant, number, name] of data.tenants) {
      byId("tenant").append(el("option", { value: tenant }, number > 1 ? name + " (" + number + ")" : name));
    }
    const since = [...new Set(hosts.map((host) => host.since).filter(Boolean))].sort();
    for (const label of since) byId("since").append(el("option", { value: label }, label));
    document.querySelector(".since-field").hidden = !since.length;
    for (const name of ["tenant", "certificate", "since"]) {
      byId(name).addEventListener("change", (event) => { state[name] = event.target.value; update(); });
    }
  }

  function readSearch() {
    state.words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  function clearFilters() {
    document.querySelector(".tools").reset();
    Object.assign(state, { verdicts: new Set(), words: [], tenant: "", certificate: "", since: "" });
    for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", "false");
    byId("sort").value = state.sort;
    return update();
  }

  function expandAll(wanted) {
    for (const view of views) if (view.open !== wanted && (!wanted || matches(view))) open(view, wanted);
    byId("expand").textContent = wanted ? "Collapse all" : "Expand all";
  }

  function goTo(fragment) {
    const found = /^#pbx-(\d+)$/.exec(fragment);
    const view = found && views[Number(found[1])];
    if (!view) return;
    if (!matches(view)) clearFilters();
    draw(pending.length);
    open(view, true);
    view.row.scrollIntoView({ block: "center" });
    view.button.focus({ preventScroll: true });
  }

  /* ---- colors and paper ---- */

  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const nameTheme = () => { byId("theme").textContent = isDark() ? "Light colors" : "Dark colors"; };

  function switchTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("tcx-report-theme", root.dataset.theme); } catch (refused) { root.dataset.kept = "no"; }
    nameTheme();
  }

  let openedForPaper = null;

  // On paper nobody can click: every PBX of the list that has something to tell is shown in full.
  function preparePaper() {
    if (openedForPaper) return;
    draw(pending.length);
    openedForPaper = views.filter((view) => view.host.verdict !== "compliant" && !view.open && matches(view));
    openedForPaper.forEach((view) => open(view, true));
  }

  function afterPaper() {
    (openedForPaper || []).forEach((view) => open(view, false));
    openedForPaper = null;
  }

  drawChips();
  drawColumns();
  drawSelects();
  showSort();
  update();
  nameTheme();
  let typing = 0;
  byId("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { readSearch(); update(); }, 90); });
  document.querySelector(".tools").addEventListener("submit", (event) => { event.preventDefault(); readSearch(); update(); });
  byId("clear").addEventListener("click", () => { clearFilters(); byId("search").focus(); });
  byId("expand").addEventListener("click", () => expandAll(!views.some((view) => view.open)));
  byId("theme").addEventListener("click", switchTheme);
  byId("print").addEventListener("click", () => window.print());
  systemDark.addEventListener("change", nameTheme);
  addEventListener("beforeprint", preparePaper);
  addEventListener("afterprint", afterPaper);
  matchMedia("print").addEventListener("change", (event) => (event.matches ? preparePaper() : afterPaper()));
  addEventListener("hashchange", () => goTo(location.hash));
  // A second click on the same name changes no address, and must still lead there.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#pbx-']");
    if (link) goTo(link.getAttribute("href"));
  });
  goTo(location.hash);
}());
