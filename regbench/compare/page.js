"use strict";
// Draws the charts one after the other, sorts the tables, and opens everything for the printer.
(() => {
  const PAPER = 940, GAP = 32; // px between the margins of A4 and Letter on their sides; between two charts
  const NARROW = 640; // px below which a chart has its narrow form, unless it says so itself
  let printing = false;
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const waiting = [...document.querySelectorAll(".chart")];

  function draw(div) {
    const { data, layout } = JSON.parse(div.nextElementSibling.textContent);
    const views = (layout.meta || {}).views || [];
    if (views.length > 1) div.closest("figure").insertBefore(buttons(div, views), div.parentElement);
    Plotly.newPlot(div, data, layout, config);
    arrange(div);
    div.on("plotly_relayout", () => wholeTicks(div));
    sizes.observe(div);
  }

  // As wide as it is or as it is told: wide or narrow, and as high as its panels and its legend need.
  function arrange(div, width) {
    const meta = div.layout.meta || {};
    const narrow = (width || div.clientWidth) < (meta.below || NARROW);
    const changes = width ? { width } : { width: null, autosize: true };
    if (meta.narrow && div.dataset.narrow !== String(narrow)) {
      Object.assign(changes, structuredClone(narrow ? meta.narrow : meta.wide));
      div.dataset.narrow = String(narrow);
    }
    Plotly.relayout(div, changes);
    const legend = div.querySelector(".legend .bg");
    const body = meta.narrow && narrow ? meta.lower : meta.body;
    if (!body) return;
    const height = Math.ceil(body + (legend ? legend.getBBox().height : 0));
    div.style.height = `${height}px`;
    if (height !== div.layout.height) Plotly.relayout(div, { height });
  }

  const widths = new WeakMap();
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const before = widths.get(target);
      widths.set(target, contentRect.width);
      if (before !== undefined && before !== contentRect.width && !printing) arrange(target);
    }
  });

  function wholeTicks(div) {
    const changes = {};
    for (const name of (div.layout.meta || {}).whole || []) {
      const [low, high] = div.layout[name].range;
      const step = wholeStep(high - low);
      if (step !== div.layout[name].dtick) changes[`${name}.dtick`] = step;
    }
    if (Object.keys(changes).length) Plotly.relayout(div, changes);
  }

  // The least of 1, 2, 5, 10, 20, ... that makes six ticks or fewer.
  function wholeStep(span) {
    const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(span, 1) / 6)));
    return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step * 6 >= span);
  }

  function buttons(div, views) {
    const group = document.createElement("div");
    group.className = "views";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Epochs shown");
    for (const view of views) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = view.name;
      button.setAttribute("aria-pressed", String(view === views[0]));
      button.addEventListener("click", () => {
        for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
        Plotly.relayout(div, structuredClone(view.ranges));
      });
      group.append(button);
    }
    return group;
  }

  function next() {
    const div = waiting.shift();
    if (!div) {
      document.documentElement.dataset.drawn = "all";
      return;
    }
    draw(div);
    setTimeout(next);
  }

  function sort(table, heading, place) {
    const way = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((one, other) => compare(one.cells[place], other.cells[place], sign)));
  }

  function compare(one, other, sign) {
    if (one.tagName === "TH") return sign * one.textContent.localeCompare(other.textContent, "en");
    const [a, b] = [one.dataset.sort, other.dataset.sort];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined); // these last, either way
    return sign * (Number(a) - Number(b));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("th[aria-sort]").forEach((heading, place) => {
      heading.querySelector("button").addEventListener("click", () => sort(table, heading, place));
    });
  }

  const opened = [];
  window.addEventListener("beforeprint", () => {
    while (waiting.length) draw(waiting.shift());
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      opened.push(details);
    }
    for (const table of document.querySelectorAll(".wide table")) {
      table.style.setProperty("--shrink", Math.min(1, PAPER / table.scrollWidth));
    }
    printing = true;
    for (const div of document.querySelectorAll(".chart")) arrange(div, div.closest(".pair") ? (PAPER - GAP) / 2 : PAPER);
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened.splice(0)) details.open = false;
    printing = false;
    for (const div of document.querySelectorAll(".chart")) arrange(div);
  });

  next();
})();
