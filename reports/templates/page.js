"use strict";

// Everything that is shown comes from the table or from the data below, as text and never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);

function element(tag, { text, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

// ---------- the leaderboard: sorted by a click on a heading; what is not known stays last

const table = document.getElementById("leaderboard");
const headings = [...table.tHead.rows[0].cells];

function valueOf(row, column) {
  let place = 0;
  for (const cell of row.cells) {
    if (column < place + cell.colSpan) {
      const value = cell.dataset.value ?? "";
      return value === "" || column === 1 ? value : Number(value);
    }
    place += cell.colSpan;
  }
  return "";
}

function sortBy(column) {
  const before = headings[column].getAttribute("aria-sort");
  const startsDown = headings[column].classList.contains("n") && column > 1;
  const isDown = before ? before === "ascending" : startsDown;
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = typeof a === "number" ? a - b : a.localeCompare(b);
    return isDown ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

headings.forEach((heading, column) => {
  heading.querySelector("button")?.addEventListener("click", () => sortBy(column));
});

// ---------- distributions: real and synthetic, of the chosen run and column

const [runs, columns] = [document.getElementById("run"), document.getElementById("column")];
const ALL = "";

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function shown(number, kind) {
  if (kind === "date") return new Date(number * 86400000).toISOString().slice(0, 10);
  return number.toLocaleString("en", { maximumFractionDigits: kind === "decimal" ? 2 : 0 });
}

function labelOf([category, low, high], kind) {
  if (low === null && high === null) return category ?? "missing";
  if (low === null) return `below ${shown(high, kind)}`;
  if (high === null) return `from ${shown(low, kind)}`;
  if (kind === "decimal") return `${shown(low, kind)} to ${shown(high, kind)}`;
  return low === high - 1 ? shown(low, kind) : `${shown(low, kind)} to ${shown(high - 1, kind)}`;
}

function chart(column, bars) {
  const largest = Math.max(...bars.map(([, , , share, real]) => Math.max(share, real)));
  const scaled = (share) => `${(100 * share) / largest}%`;
  const title = (bar) =>
    `${labelOf(bar, column.kind)}: real ${percent(bar[4])}, this run ${percent(bar[3])}`;
  const drawn = [];
  if (column.kind === "categorical") {
    const rows = bars.flatMap((bar) => [
      element("span", { text: labelOf(bar, column.kind) }),
      element("div", { title: title(bar) }, [
        element("i", { class: "real", style: `width: ${scaled(bar[4])}` }),
        element("i", { class: "synthetic", style: `width: ${scaled(bar[3])}` }),
      ]),
    ]);
    drawn.push(element("div", { class: "categories" }, rows));
  } else {
    const isMissing = ([, low, high]) => low === null && high === null;
    const both = bars.map((bar) =>
      element("div", { title: title(bar), ...(isMissing(bar) && { class: "missing" }) }, [
        element("i", { class: "real", style: `height: ${scaled(bar[4])}` }),
        element("i", { class: "synthetic", style: `height: ${scaled(bar[3])}` }),
      ]),
    );
    drawn.push(element("div", { class: "histogram" }, both));
    const known = bars.filter((bar) => !isMissing(bar));
    const ends = known.length > 0 ? [known[0], known[known.length - 1]] : bars;
    const texts = ends.map((bar) => element("span", { text: labelOf(bar, column.kind) }));
    drawn.push(element("div", { class: "ends" }, texts));
  }
  const heading = element("h4", { text: column.words });
  heading.append(element("small", { text: `up to ${percent(largest)} of rows` }));
  return element("div", { "data-column": column.name }, [heading, ...drawn]);
}

function drawCharts() {
  const shares = data.shares[runs.value];
  const chosen = data.columns.filter(({ name }) => columns.value === ALL || columns.value === name);
  const charts = document.getElementById("charts");
  charts.className = columns.value === ALL ? "" : "single";
  charts.replaceChildren(
    ...chosen.filter(({ name }) => shares[name]).map((column) => chart(column, shares[column.name])),
  );
}

function drawPairs() {
  const scores = new Map();
  for (const [first, second, score] of data.pairs[runs.value] ?? []) {
    scores.set(JSON.stringify([first, second]), score);
  }
  const head = element("tr", {}, [
    element("th"),
    ...data.columns.slice(1).map(({ words }) => element("th", { class: "column", text: words })),
  ]);
  const rows = data.columns.slice(0, -1).map((first, place) => {
    const cells = data.columns.slice(1).map((second, other) => {
      const score = scores.get(JSON.stringify([first.name, second.name]));
      if (other < place || score === undefined) return element("td");
      const flaw = 90 * Math.min(1, Math.max(0, 2 - 2 * score));
      const title = `${first.words} and ${second.words}`;
      return element("td", { class: "heat", style: `--flaw: ${flaw}%`, title, text: score.toFixed(2) });
    });
    return element("tr", {}, [element("th", { scope: "row", text: first.words }), ...cells]);
  });
  document
    .getElementById("pairs")
    .replaceChildren(element("thead", {}, [head]), element("tbody", {}, rows));
}

if (data.runs.length > 0) {
  document.getElementById("distributions").hidden = false;
  runs.append(...data.runs.map((run) => element("option", { value: run.run_id, text: run.name })));
  columns.append(
    element("option", { value: ALL, text: "all columns" }),
    ...data.columns.map(({ name, words }) => element("option", { value: name, text: words })),
  );
  runs.addEventListener("change", () => {
    drawCharts();
    drawPairs();
  });
  columns.addEventListener("change", drawCharts);
  runs.value = data.first;
  drawCharts();
  drawPairs();
}
