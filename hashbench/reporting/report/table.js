// Any table of class "sortable": a click on a head sorts by it, a second click the other way.
function sortable(element, remembered = {}) {
  element.querySelectorAll("thead th").forEach((head, place) => {
    const button = make("button", { type: "button", onclick: () => {
      const up = head.getAttribute("aria-sort") === "descending"
        || (!head.hasAttribute("aria-sort") && !head.classList.contains("number"));
      Object.assign(remembered, { place, up });
      sortBy(element, place, up);
    } }, ...head.childNodes);
    head.replaceChildren(button);
  });
  if (remembered.place < element.querySelectorAll("thead th").length) {
    sortBy(element, remembered.place, remembered.up);
  }
  return element;
}

function sortBy(element, place, up) {
  element.querySelectorAll("thead th").forEach((head, number) => {
    if (number === place) head.setAttribute("aria-sort", up ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  });
  const key = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();
  const rows = [...element.tBodies[0].rows].map((row) => [key(row), row]);
  const numbers = rows.every(([value]) => value === "" || value === "–" || !Number.isNaN(Number(value)));
  const empty = (value) => value === "" || value === "–";
  rows.sort(([a], [b]) => {
    if (empty(a) || empty(b)) return empty(a) - empty(b); // always last
    return (up ? 1 : -1) * (numbers ? a - b : a.localeCompare(b, "en", { numeric: true }));
  });
  element.tBodies[0].append(...rows.map(([, row]) => row));
}

// A search field with data-filters="ID" hides the rows of that table that lack any of its words.
function filterRows(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of by(field.dataset.filters).tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}

// A cell with a value as printed: mean ± deviation, its marks, and the mean to sort by.
function valueCell(value, decimals) {
  if (value?.mean === undefined) {
    return make("td", { class: "number", data: { value: "" } }, `–${value?.mark ?? ""}`);
  }
  const spread = value.sd === undefined ? "" : ` ± ${numeral(value.sd, decimals)}`;
  const marks = [value.alike ? "†" : "", value.mark ?? ""].join("");
  const facts = { class: value.best ? "number best" : "number", data: { value: value.mean }, title: `n = ${value.n ?? 1}` };
  return make("td", facts, numeral(value.mean, decimals) + spread, marks && make("sup", {}, marks));
}

function publishedCell(value, decimals) {
  if (value?.published === undefined) return make("td", { class: "number", data: { value: "" } });
  const title = [value.differs && `not comparable: ${value.differs}`, value.source].filter(Boolean).join(" — ");
  const mark = value.published_mark ?? "";
  return make("td", { class: "number published", data: { value: value.published }, title },
    numeral(value.published, decimals), mark && make("sup", {}, mark));
}

const headOf = (text, number = true) => make("th", { scope: "col", class: number ? "number" : false }, text);
const lengthOf = (bits) => (bits === null ? "value" : `${bits} bits`);
const linkTo = (method, text) => make("a", { href: `#method=${encodeURIComponent(method)}` }, text);
const linesOf = (lines) => make("ul", { class: "notes" }, lines.map((line) => make("li", {}, line)));
