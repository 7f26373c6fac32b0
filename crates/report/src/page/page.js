"use strict";
// Heads that sort: a button in each, the direction said to screen readers.
// `sort(column, descending)` does the work; numbers start with the highest, words with A.
function sortable(heads, isNumber, sort) {
  let sorted = null, descending = true;
  heads.forEach((head, c) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      descending = sorted === c ? !descending : isNumber(c);
      sorted = c;
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(c, descending);
    });
  });
}

// Orders two values; what is missing stands last either way.
function order(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const way = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return descending ? -way : way;
}

// Tables that stand whole in the page.
document.querySelectorAll("table.sorts").forEach((table) => {
  const body = table.tBodies[0];
  const value = (row, c) => {
    const cell = row.cells[c], v = cell.dataset.v;
    return v === undefined ? cell.textContent : v === "" ? null : Number(v);
  };
  const isNumber = (c) => [...body.rows].some((row) => row.cells[c].dataset.v);
  sortable([...table.tHead.rows[0].cells], isNumber, (c, descending) => {
    body.append(...[...body.rows].sort((a, b) => order(value(a, c), value(b, c), descending)));
  });
});

// The table of genes: sorts, searches, grows. Without this script its first rows still stand there.
(() => {
  const table = document.getElementById("gene-table");
  if (!table) return;
  const all = JSON.parse(document.getElementById("gene-data").textContent);
  const body = table.tBodies[0];
  const search = document.getElementById("gene-search");
  const count = document.getElementById("gene-count");
  const more = document.getElementById("gene-more");
  let rows = all, by = null, limit = 20;

  const number = (v) => (v > 0 ? "+" : v < 0 ? "\u2212" : "") + Math.abs(v).toFixed(3);
  const text = (v, c) => v === null ? "\u2013" : c > 2 ? number(v) : String(v);

  function draw() {
    body.replaceChildren(...rows.slice(0, limit).map((row) => {
      const tr = document.createElement("tr");
      row.forEach((v, c) => {
        const cell = document.createElement(c === 0 ? "th" : "td");
        if (c === 0) cell.scope = "row";
        if (c === 1) cell.className = "words";
        cell.textContent = text(v, c);
        tr.append(cell);
      });
      return tr;
    }));
    const shown = Math.min(limit, rows.length);
    count.textContent = `${shown} of ${rows.length} ${rows.length === 1 ? "gene" : "genes"}`;
    more.hidden = shown === rows.length;
  }

  function pick() {
    const words = search.value.trim().toLowerCase();
    rows = all.filter((r) => r[0].toLowerCase().includes(words) || r[1].toLowerCase().includes(words));
    if (by) rows.sort((a, b) => order(a[by[0]], b[by[0]], by[1]));
    draw();
  }

  sortable([...table.tHead.rows[0].cells], (c) => c > 1, (c, descending) => { by = [c, descending]; pick(); });
  search.addEventListener("input", () => { limit = 20; pick(); });
  more.addEventListener("click", () => { limit += 100; draw(); });
  pick();
})();

// Paper cannot be unfolded. Methods in the background stay folded: they would fill dozens of sheets.
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.more)").forEach((d) => { d.open = true; }));
