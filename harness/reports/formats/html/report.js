"use strict";
// Everything is on the page already; this filters, sorts and opens it, and keeps the state in the address.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = document.getElementById("filter");
  const dialog = document.getElementById("detail");
  const state = new URLSearchParams();

  // A word without a wildcard matches anywhere, a glob matches the whole name; several words are alternatives.
  function matcher(text) {
    const words = text.trim().split(/\s+/).filter(Boolean).map(word => {
      const pattern = word.replace(/[.+^${}()|\\[\]]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
      return new RegExp(/[*?]/.test(word) ? `^${pattern}$` : pattern, "i");
    });
    return name => words.length === 0 || words.some(word => word.test(name));
  }

  function applyFilter() {
    const implementation = matcher(state.get("implementation") || "");
    const onCase = matcher(state.get("case") || "");
    for (const row of all("[data-i]")) {
      const { i, c } = row.dataset;
      row.toggleAttribute("hidden", !implementation(i) || (c !== undefined && !onCase(c)));
    }
    for (const table of all(".matrix")) {
      all("th[data-c]", table).forEach(head => {
        const hide = !onCase(head.dataset.c);
        head.hidden = hide;
        for (const row of all("tr[data-i]", table)) row.cells[head.cellIndex].hidden = hide;
      });
      for (const group of all("tbody", table)) {
        group.hidden = all("tr[data-i]", group).every(row => row.hidden);
      }
    }
    const rows = all(".records tbody tr");
    const shown = rows.filter(row => !row.hidden).length;
    document.getElementById("matches").textContent =
      shown === rows.length ? "" : `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} records`;
  }

  function showView() {
    const views = all(".view");
    const wanted = views.some(view => view.dataset.view === state.get("view")) ? state.get("view") : views[0].dataset.view;
    for (const view of views) view.hidden = view.dataset.view !== wanted;
    for (const button of all("#views button")) button.setAttribute("aria-pressed", button.value === wanted);
  }

  function sort(table, column, descending) {
    const key = row => {
      const cell = row.cells[column];
      const value = cell.dataset.v ?? cell.textContent.trim();
      return value === "" || value === "–" ? null : Number.isNaN(Number(value)) ? value : Number(value);
    };
    const body = table.tBodies[0];
    const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([a], [b]) => a === null ? (b === null ? 0 : 1) : b === null ? -1 : descending ? compare(b, a) : compare(a, b));
    body.append(...rows.map(([, row]) => row));
    for (const head of all("thead th", table)) head.removeAttribute("aria-sort");
    headOf(table)[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  const headOf = table => [...table.tHead.rows].at(-1).cells;

  function makeSortable(table, place) {
    [...headOf(table)].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const isNumber = table.tBodies[0].rows[0]?.cells[column].classList.contains("number");
        const sorted = head.getAttribute("aria-sort");
        const descending = sorted ? sorted === "ascending" : Boolean(isNumber);
        sort(table, column, descending);
        remember("sort", `${place}.${column}.${descending ? "down" : "up"}`);
      });
      head.append(button);
    });
  }

  function restoreSort() {
    const [place, column, direction] = (state.get("sort") || "").split(".");
    const table = all(".sortable")[Number(place)];
    if (direction && table && headOf(table)[Number(column)]) sort(table, Number(column), direction === "down");
  }

  function openRecord() {
    const row = document.getElementById(`record-${state.get("record")}`);
    if (!row) return;
    all("tr.current").forEach(other => other.classList.remove("current"));
    row.classList.add("current");
    const heads = headOf(row.closest("table"));
    dialog.querySelector("h2").textContent = `${row.dataset.i} on ${row.dataset.c}`;
    const items = [...row.cells].slice(2).flatMap((cell, place) => {
      if (!cell.hasChildNodes() || (cell.textContent.trim() === "" && !cell.querySelector("svg"))) return [];
      const term = document.createElement("dt");
      const definition = document.createElement("dd");
      term.textContent = heads[place + 2].textContent;
      definition.append(...[...cell.childNodes].map(node => node.cloneNode(true)));
      return [term, definition];
    });
    dialog.querySelector("dl").replaceChildren(...items);
    if (!dialog.open) dialog.showModal();
  }

  function remember(key, value) {
    if (value) state.set(key, value); else state.delete(key);
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
  }

  function download(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.textContent = `Download ${name}`;
    return link;
  }

  function csv(records) {
    const columns = [...new Set(records.flatMap(Object.keys))].filter(column => !["samples_s", "twin"].includes(column));
    const cell = value => {
      const text = value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [columns, ...records.map(record => columns.map(column => record[column]))].map(row => row.map(cell).join(",")).join("\n") + "\n";
  }

  function restore() {
    for (const key of [...state.keys()]) state.delete(key);
    const anchor = location.hash.match(/^#record-(\d+)$/);
    const saved = anchor ? [["record", anchor[1]]] : new URLSearchParams(location.hash.slice(1));
    for (const [key, value] of saved) if (value) state.set(key, value);
    for (const input of all("input", form)) input.value = state.get(input.name) || "";
    showView();
    applyFilter();
    restoreSort();
    openRecord();
  }

  for (const view of all(".view")) {
    const button = document.createElement("button");
    button.type = "button";
    button.value = view.dataset.view;
    button.textContent = view.querySelector("h3").textContent;
    button.addEventListener("click", () => { remember("view", button.value); showView(); });
    document.getElementById("views").append(button);
  }
  document.getElementById("matrix").classList.add("switched");
  all(".sortable").forEach(makeSortable);
  form.hidden = false;
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", event => { remember(event.target.name, event.target.value); applyFilter(); });
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#record-"]');
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    remember("record", link.hash.slice("#record-".length));
    openRecord();
  });
  dialog.addEventListener("close", () => remember("record", ""));
  window.addEventListener("hashchange", restore);

  const data = document.getElementById("data").textContent;
  const downloads = document.getElementById("downloads");
  downloads.append(download("records.json", "application/json", data), download("records.csv", "text/csv", csv(JSON.parse(data))));
  downloads.hidden = false;
  restore();
})();
