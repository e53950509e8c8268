"use strict";
// Sorting: each heading of a table becomes a button; a second press turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const text = cell => cell.dataset.v ?? cell.textContent;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : column === 0;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const key = row => text(row.cells[column]);
      const compare = (one, other) => column === 0
        ? key(one).localeCompare(key(other)) : Number(key(one)) - Number(key(other));
      const rows = [...body.rows], known = rows.filter(row => key(row) !== "");
      known.sort((one, other) => up ? compare(one, other) : compare(other, one));
      body.append(...known, ...rows.filter(row => key(row) === ""));  // what has no number stays below
    });
  });
}

// Filters: a trial is shown where method, kind, outcome and words all fit; a case where any of its trials is.
const filters = document.getElementById("filters");
if (filters) {
  const value = name => document.getElementById(name)?.value ?? "";
  const cases = [...document.querySelectorAll(".case")].map(element => ({
    element,
    words: element.querySelector("h3").textContent.toLowerCase() + " "
      + element.querySelector(".words").textContent.toLowerCase(),
    trials: [...element.querySelectorAll(".trial")],
  }));
  const total = cases.reduce((sum, one) => sum + one.trials.length, 0);
  const apply = () => {
    const method = value("method"), kind = value("kind"), outcome = value("outcome");
    const words = value("words").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of cases) {
      const wanted = (kind === "" || one.element.dataset.kind === kind) && words.every(word => one.words.includes(word));
      let some = false;
      for (const trial of one.trials) {
        const fits = wanted && (method === "" || trial.dataset.method === method)
          && (outcome === "" || trial.dataset.outcome === outcome);
        trial.hidden = !fits;
        some ||= fits;
        shown += fits;
      }
      one.element.hidden = !some;
    }
    document.getElementById("count").textContent = `${shown} of ${total}`;
    document.getElementById("none").hidden = shown > 0;
  };
  filters.addEventListener("input", apply);
  filters.addEventListener("submit", event => event.preventDefault());
  filters.hidden = false;
  apply();
}
