"use strict";

// Every table sorts by any column, shows what its filters let through where it has some, and at
// first only its main columns where it has more.
for (const box of document.querySelectorAll("div.table")) {
  const headings = [...box.querySelectorAll("thead th")];
  const body = box.querySelector("tbody");
  const rows = [...body.rows]; // in the report's own order
  headings.forEach((heading, column) => sortBy(heading, column, headings, body, rows));
  const form = box.querySelector("form.controls");
  if (form) filterBy(form, headings, rows);
  const button = box.querySelector("button.fold");
  if (button) fold(button, box.querySelector("table"));
}

function sortBy(heading, column, headings, body, rows) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  heading.append(button);
  heading.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const order = next[heading.getAttribute("aria-sort")];
    for (const other of headings) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", order);
    const sign = order === "descending" ? -1 : 1;
    body.append(...(order === "none" ? rows : rows.toSorted(comparison(column, sign))));
  });
}

// Numbers by value, words by language; an empty cell is last either way.
function comparison(column, sign) {
  return (one, other) => {
    const [a, b] = [one, other].map((row) => key(row.cells[column]));
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
}

function key(cell) {
  const value = cell.dataset.value ?? cell.textContent;
  return value !== "" && "value" in cell.dataset ? Number(value) : value;
}

// A column that a choice makes constant is not shown: narrow screens have no room for it.
function filterBy(form, headings, rows) {
  const names = headings.map((heading) => heading.textContent);
  const choices = [...form.querySelectorAll("select")].map((select) => {
    return { select, column: names.indexOf(select.dataset.heading) };
  });
  const apply = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/);
    const chosen = choices.filter(({ select }) => select.value !== "");
    const fits = (row) => chosen.every(({ select, column }) => {
      return row.cells[column].textContent === select.value;
    });
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && fits(row));
    }
    const hidden = chosen.map(({ column }) => column).filter((column) => column > 0);
    for (const row of [headings[0].parentElement, ...rows]) {
      [...row.cells].forEach((cell, column) => (cell.hidden = hidden.includes(column)));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply)); // the fields are emptied after the event
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

function fold(button, table) {
  const show = (all) => {
    button.setAttribute("aria-expanded", all);
    table.classList.toggle("folded", !all);
  };
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") === "false"));
  button.hidden = false;
  show(false);
}
