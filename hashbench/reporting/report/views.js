// Which rows figures show: a list of the rows that pass, the best first.
function drawChooser(place) {
  const open = place.querySelector("details")?.open ?? false;
  const numbers = ranked(passing());
  const shown = new Set(shownRows());
  const set = (chosen) => { state.chosen.set(state.setting, chosen); draw(); };
  const buttons = [["ten best", null], ["all", new Set(numbers)], ["none", new Set()]].map(([text, chosen]) =>
    make("button", { type: "button", onclick: () => set(chosen) }, text));
  const boxes = numbers.map((number) => make("li", {}, make("label", {}, make("input", {
    type: "checkbox", checked: shown.has(number), data: { row: number }, onchange: (event) => {
      if (event.target.checked) shown.add(number);
      else shown.delete(number);
      set(shown);
      place.querySelector(`[data-row="${number}"]`).focus();
    },
  }), ` ${setting().rows[number].name}`)));
  place.replaceChildren(make("details", { open },
    make("summary", {}, `Rows shown: ${shown.size} of ${numbers.length}`), make("p", {}, buttons), make("ul", {}, boxes)));
}

const sorting = {}; // of the results table, kept while it is filtered

function drawTable() {
  const { metric, definition, decimals, values, caption, notes, sources } = table();
  const numbers = passing();
  const lengths = setting().bits;
  const quoted = lengths.map((_, place) => numbers.some((number) => values[number][place].published !== undefined));
  const heads = [headOf("method", false), ...lengths.map((bits) => headOf(lengthOf(bits))),
    ...lengths.flatMap((bits, place) => (quoted[place] ? [headOf(`${lengthOf(bits)}, published`)] : [])),
    ...["family", "supervision", "reads", "sees"].map((text) => headOf(text, false))];
  const lines = numbers.map((number) => {
    const row = setting().rows[number];
    return make("tr", {}, make("th", { scope: "row", title: row.title }, linkTo(row.method, row.name)),
      values[number].map((value) => valueCell(value, decimals)),
      values[number].flatMap((value, place) => (quoted[place] ? [publishedCell(value, decimals)] : [])),
      [row.group, row.supervision, row.reads, row.sees].map((text) => make("td", {}, text)));
  });
  const results = make("table", { class: "results" },
    make("caption", {}, `${metric} (${definition}) on ${setting().dataset} under ${protocolOf(setting())}: `
      + `${numbers.length} of ${setting().rows.length} rows`),
    make("thead", {}, make("tr", {}, heads)), make("tbody", {}, lines));
  by("table").replaceChildren(make("div", { class: "wide tall", tabindex: 0, role: "region", "aria-label": "results" },
    sortable(results, sorting)));
  by("table").append(linesOf([...caption.map((place) => DATA.captions[place]), ...notes,
    ...sources.map((source) => `[${source.number}] ${source.text}${source.url ? `, ${source.url}` : ""}`)]));
}

function drawMethod() {
  const place = by("view-method");
  const method = DATA.methods[state.method];
  if (!Object.hasOwn(DATA.methods, state.method)) {
    place.replaceChildren(make("h2", {}, "No such method"), make("p", {}, make("a", { href: "#methods" }, "All methods")));
    return;
  }
  const card = method.card;
  place.replaceChildren(make("h2", {}, `${state.method}: ${method.title}`),
    make("p", { class: "note" }, `${method.family}, ${method.supervision}`));
  if (card) {
    place.append(make("ul", {}, [...card.facts, `formula: ${card.formula}`, `its code: ${card.module}`,
      ...method.sources.map((digest) => `digest of its code in these records: ${digest.slice(0, 12)}`)]
      .map((fact) => make("li", {}, fact))));
    if (card.departures) place.append(make("h3", {}, "Departures from the paper"), make("p", {}, card.departures));
    if (card.text) place.append(make("details", {}, make("summary", {}, "What its file says"), make("pre", {}, card.text)));
    const parameters = [...card.own, ...card.shared];
    place.append(make("details", {}, make("summary", {}, `Parameters (${parameters.length})`),
      make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {},
        ["name", "type", "default", "what it is"].map((text) => headOf(text, false)))),
      make("tbody", {}, parameters.map((one) => make("tr", {}, make("th", { scope: "row" }, one.name),
        [one.type, one.default, one.text].map((text) => make("td", {}, text)))))))));
  } else place.append(make("p", {}, "Its file is not here, or cannot be imported: there is no card."));
  place.append(make("h3", {}, "Its numbers"), numbersOf(state.method), make("h3", {}, "Its records"),
    make("p", { class: "note" }, "“again” computes one cell and its earlier repetitions anew, into another folder."),
    ...method.records.map(recordOf));
}

// All values of a method, of one metric at a time.
function numbersOf(name) {
  const metrics = distinct(DATA.settings.flatMap((one) =>
    one.rows.some((row) => row.method === name) ? one.tables.map((two) => two.metric) : []));
  const folder = make("div", { class: "wide" });
  const show = (metric) => folder.replaceChildren(sortable(make("table", {},
    make("thead", {}, make("tr", {}, ["data set", "protocol", "row", "reads"].map((text) => headOf(text, false)),
      headOf("bits"), headOf(metric), headOf("published"), headOf("how that differs", false))),
    make("tbody", {}, DATA.settings.flatMap((one) => one.rows.flatMap((row, number) => {
      const found = one.tables.find((two) => two.metric === metric);
      return row.method !== name || !found ? [] : found.values[number].map((value, place) => make("tr", {},
        make("th", { scope: "row" }, one.dataset), [protocolOf(one), row.label, row.reads].map((t) => make("td", {}, t)),
        make("td", { class: "number" }, String(one.bits[place] ?? "–")), valueCell(value, found.decimals),
        publishedCell(value, found.decimals), make("td", { class: "long" }, [value.differs, value.source].filter(Boolean).join(" — "))));
    }))))));
  const select = make("select", { onchange: (event) => show(metrics[event.target.value]) });
  fill(select, metrics, metrics[0]);
  if (metrics.length) show(metrics[0]);
  return make("div", {}, make("label", {}, "Metric ", select), folder);
}

function recordOf(record) {
  const what = [record.dataset, record.protocol, record.features, record.bits && `${record.bits} bits`, record.label,
    `repetition ${record.repetition}`, record.status === "failed" ? "failed" : ""].filter(Boolean).join(" · ");
  const machine = DATA.environments[record.environment];
  const facts = { file: record.file, made: record.created, error: record.error,
    digests: Object.entries(DATA.digests[record.digests]).map(([name, digest]) => `${name} ${digest}`).join(", "),
    machine: `${machine.device}, ${machine.processor}, ${machine.threads} thread${Number(machine.threads) === 1 ? "" : "s"}, ${machine.precision}, commit ${machine.commit}`,
    versions: machine.versions };
  return make("details", {}, make("summary", {}, what),
    make("dl", {}, Object.entries(facts).filter(([, text]) => text).flatMap(([name, text]) =>
      [make("dt", {}, name), make("dd", {}, text)]), make("dt", {}, "again"), make("dd", {}, make("code", {}, record.again)),
    make("dt", {}, "the command that made it"), make("dd", {}, make("code", {}, DATA.commands[record.ran]))));
}

const VIEWS = {
  tables: drawTable, method: drawMethod, ranks: drawRanks,
  curves: () => { drawChooser(document.querySelector("#view-curves .chooser")); drawCurves(); },
  time: () => { drawChooser(document.querySelector("#view-time .chooser")); drawTime(); },
};
const draw = () => VIEWS[state.view]?.();

document.querySelectorAll("table.sortable").forEach((element) => sortable(element));
document.querySelectorAll("[data-filters]").forEach((field) => field.addEventListener("input", () => filterRows(field)));
choose(0);
listen();
route();
