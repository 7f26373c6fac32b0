"use strict";
// The table of genes: sorts, searches, grows. Without this script its first rows still stand there.
(() => {
  const table = document.getElementById("gene-table");
  if (!table) return;
  const all = JSON.parse(document.getElementById("gene-data").textContent);
  const body = table.tBodies[0];
  const search = document.getElementById("gene-search");
  const count = document.getElementById("gene-count");
  const more = document.getElementById("gene-more");
  const heads = [...table.tHead.rows[0].cells];
  let rows = all, sorted = null, descending = true, limit = 20;

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
    if (sorted !== null) {
      const c = sorted, sign = descending ? -1 : 1;
      rows.sort((a, b) => {
        if (a[c] === null || b[c] === null) return (a[c] === null) - (b[c] === null);
        return sign * (typeof a[c] === "string" ? a[c].localeCompare(b[c]) : a[c] - b[c]);
      });
    }
    draw();
  }

  heads.forEach((head, c) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      descending = sorted === c ? !descending : c > 1;
      sorted = c;
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      pick();
    });
  });
  search.addEventListener("input", () => { limit = 20; pick(); });
  more.addEventListener("click", () => { limit += 100; draw(); });
  pick();
})();
// Paper cannot be unfolded.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
