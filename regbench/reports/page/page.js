"use strict";
// Draws the charts one after the other, sorts the tables, and opens everything for the printer.
(() => {
  const PAPER = 940, GAP = 32; // px between the margins of A4 and Letter on their sides; between two charts
  const NARROW = 640; // px below which a chart has its narrow form, unless it says so itself
  let printing = false;
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const waiting = [...document.querySelectorAll(".chart")];

  function draw(div, part = 0) {
    let source = div.nextElementSibling;
    for (let skipped = 0; skipped < part; skipped++) source = source.nextElementSibling;
    const figure = JSON.parse(source.textContent);
    div.closest("figure").querySelector(".views")?.remove();
    if (!figure) {
      div.textContent = "Nothing of these arms was measured.";
      return;
    }
    const { data, layout } = figure;
    div.textContent = "";
    div.style.height = `${layout.height}px`;
    const views = (layout.meta || {}).views || [];
    if (views.length > 1) div.closest("figure").insertBefore(buttons(div, views), div.parentElement);
    Plotly.newPlot(div, data, layout, config);
    arrange(div);
    div.on("plotly_relayout", () => wholeTicks(div));
    sizes.observe(div);
  }

  // Other arms in all charts of a comparison; what is not drawn yet will be.
  function choose(section, part) {
    for (const select of section.querySelectorAll(".choose select")) {
      select.value = String(part);
      const div = select.closest("figure").querySelector(".chart");
      if (waiting.includes(div)) continue;
      Plotly.purge(div);
      delete div.dataset.narrow;
      draw(div, part);
    }
  }

  for (const select of document.querySelectorAll(".choose select")) {
    select.value = "0"; // a browser keeps what was chosen before the page was loaded again
    select.addEventListener("change", () => choose(select.closest("section"), Number(select.value)));
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

  function partOf(div) {
    return Number(div.closest("figure").querySelector(".choose select")?.value || 0);
  }

  // Where there is much, a chart is drawn when it comes near, and not before.
  function whenNear() {
    const near = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        if (!waiting.includes(target)) continue; // drawn for the printer
        waiting.splice(waiting.indexOf(target), 1);
        draw(target, partOf(target));
      }
      document.documentElement.dataset.drawn = "all";
    }, { rootMargin: "300px" });
    for (const div of waiting) near.observe(div);
  }

  function next() {
    const div = waiting.shift();
    if (!div) {
      document.documentElement.dataset.drawn = "all";
      return;
    }
    draw(div, partOf(div));
    setTimeout(next);
  }

  function sort(table, heading, place) {
    const way = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    if (pages.has(table)) {
      pages.get(table).sort(place, sign);
      return;
    }
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((one, other) => compare(one.cells[place], other.cells[place], sign)));
  }

  function compare(one, other, sign) {
    if (one.tagName === "TH") return sign * one.textContent.localeCompare(other.textContent, "en");
    const [a, b] = [one.dataset.sort, other.dataset.sort];
    return inOrder(a, b, sign);
  }

  function inOrder(a, b, sign) {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined); // these last, either way
    return sign * (Number(a) - Number(b));
  }

  // A table of which the page has the first rows: all are in the script beside it, read when they are asked for.
  const ROWS = 20;
  const pages = new Map();

  function paged(table, source) {
    let all = null, found = null, start = 0;
    const bar = document.createElement("div");
    bar.className = "pager";
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "find";
    field.setAttribute("aria-label", "Find rows");
    const where = document.createElement("span");
    where.setAttribute("aria-live", "polite");
    const [back, on] = ["previous", "next"].map((name, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => show(start + (place ? ROWS : -ROWS)));
      return button;
    });
    bar.append(field, back, where, on);
    table.closest(".wide").before(bar);
    const caption = table.caption;
    caption.textContent = caption.textContent.replace(/ The first \d+ of \d+ rows\.$/, "");

    function rows() {
      if (!all) found = all = JSON.parse(source.textContent);
      return all;
    }

    function show(from) {
      rows();
      start = Math.max(0, Math.min(from, Math.floor((found.length - 1) / ROWS) * ROWS));
      table.tBodies[0].replaceChildren(...found.slice(start, start + ROWS).map(row));
      const end = Math.min(start + ROWS, found.length);
      where.textContent = found.length ? `${start + 1}–${end} of ${found.length}` : "none";
      back.disabled = start === 0;
      on.disabled = end === found.length;
    }

    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      const has = (one) => one.some((cell, place) => place !== 1 && text(cell).toLowerCase().includes(wanted));
      found = rows().filter(has);
      show(0);
    });
    where.textContent = `1–${ROWS} of ${source.dataset.count}`;
    back.disabled = true;
    pages.set(table, {
      sort(place, sign) {
        const order = place === 0
          ? (one, other) => sign * one[0].localeCompare(other[0], "en")
          : (one, other) => inOrder(key(one[place + 1]), key(other[place + 1]), sign);
        if (!all) rows();
        const kept = found === all ? null : new Set(found);
        all.sort(order);
        found = kept ? all.filter((one) => kept.has(one)) : all;
        show(0);
      },
    });
  }

  const text = (cell) => (typeof cell === "string" ? cell : `${cell[0]} ${cell[1]}`);
  const key = (cell) => (typeof cell === "string" || cell[2] === null ? undefined : cell[2]);

  function row([name, colour, ...cells]) {
    const made = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.className = "name";
    const arm = document.createElement("span"), swatch = document.createElement("span");
    arm.className = "arm";
    swatch.className = "swatch";
    swatch.style.background = colour;
    const label = document.createElement("bdi");
    for (const part of name.match(/[^+,]*[+,]|[^+,]+/g) || []) label.append(part, document.createElement("wbr"));
    arm.append(swatch, label);
    head.append(arm);
    made.append(head, ...cells.map(datum));
    return made;
  }

  function datum(cell) {
    const made = document.createElement("td");
    const [words, aside, sort, kind] = typeof cell === "string" ? [cell, "", null, ""] : cell;
    made.textContent = words;
    if (kind) made.className = kind;
    if (sort !== null) made.dataset.sort = sort;
    if (aside) {
      const small = document.createElement("small");
      small.textContent = aside;
      made.append(" ", small);
    }
    return made;
  }

  for (const source of document.querySelectorAll("script.rows")) {
    paged(source.previousElementSibling.querySelector("table"), source);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("th[aria-sort]").forEach((heading, place) => {
      heading.querySelector("button").addEventListener("click", () => sort(table, heading, place));
    });
  }

  const opened = [];
  window.addEventListener("beforeprint", () => {
    while (waiting.length) {
      const div = waiting.shift();
      draw(div, partOf(div));
    }
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

  if (document.querySelector(".choose")) whenNear();
  else next();
})();
