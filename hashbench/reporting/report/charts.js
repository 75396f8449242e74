// Figures by plotly. Each row has its own colour, marker and dashes, by its place among the rows shown.
const MARKERS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star", "hexagon"];
const NAMED = 40; // lines that a legend can tell apart; of more, one has the name under the pointer
const DASHES = ["solid", "dash", "dot", "dashdot"];
const ON_DARK = { "#000000": "#FFFFFF", "#0072B2": "#4C7DFF", "#6B4C9A": "#B79CE0", "#777777": "#A8A8A8" };
const isDark = () => !state.printing && matchMedia("(prefers-color-scheme: dark)").matches;
const ink = () => (state.printing ? "#000000" : cssOf("--text"));
const plots = []; // of the view, drawn once all have their place, as a place is narrower beside others
const cssOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// plotly reads some HTML in texts, which names must not be taken for.
const literal = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function styleOf(place) {
  const color = DATA.colors[place % DATA.colors.length];
  const round = Math.floor(place / DATA.colors.length);
  return {
    color: isDark() ? ON_DARK[color] ?? color : color,
    symbol: MARKERS[(place + round) % MARKERS.length],
    dash: DASHES[round % DASHES.length],
  };
}

function lineOf(name, place, x, y, more = {}) {
  const style = styleOf(place);
  return {
    name: literal(name), x, y, mode: "lines+markers", type: "scatter",
    line: { color: style.color, dash: style.dash, width: 2 },
    marker: { color: style.color, symbol: style.symbol, size: 7 },
    ...more,
  };
}

function axis(title, more = {}) {
  const line = state.printing ? "#bbbbbb" : cssOf("--line");
  return {
    title: { text: literal(title), standoff: 8 }, gridcolor: line, zerolinecolor: line, linecolor: line,
    automargin: true, ...more,
  };
}

// A logarithmic axis of positive values, with ticks at 1, 2 and 5 where that leaves room for their numbers.
function logAxis(title, values) {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const steps = most - least > 2.5 ? [1] : [1, 2, 5];
  const powers = Array.from({ length: Math.ceil(most) - Math.floor(least) + 2 }, (_, i) => Math.floor(least) + i);
  const ticks = powers.flatMap((power) => steps.map((step) => Number(`${step}e${power}`)));
  return axis(title, { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => tick.toLocaleString("en", { maximumSignificantDigits: 1 })) });
}

// Draw a figure with its title into a folder of figures; where there is nothing to draw, nothing.
function chart(folder, title, traces, x, y, more = {}) {
  if (!traces.length) return;
  const place = make("div", { role: "img", "aria-label": `${title}: ${traces.map((one) => one.name).join(", ")}` });
  folder.append(make("div", {}, make("h3", {}, title), traces.length > NAMED && more.legend !== false
    ? make("p", { class: "note" }, `${traces.length} rows: point at one for its name`) : "", place));
  plots.push(() => plot(place, traces, x, y, more));
}

function drawPlots() {
  plots.splice(0).forEach((one) => one());
}

function plot(place, traces, x, y, { legend = true, height = 352, ...layout } = {}) {
  legend = legend && traces.length <= NAMED;
  const guess = legend ? 20 * traces.length + 12 : 0;
  Plotly.react(place, traces, {
    height: height + guess, margin: { l: 56, r: 12, t: 30, b: 56 + guess }, hovermode: "closest",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink() },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink(), size: 12, family: "system-ui, sans-serif" },
    showlegend: legend, legend: { orientation: "h", x: 0, y: -58 / (height - 86), yanchor: "top", maxheight: guess + 40 },
    xaxis: x, yaxis: y, ...layout,
  }, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
  if (!legend) return;
  const below = Math.ceil(place.querySelector("g.legend rect.bg").getBBox().height) + 12; // what it takes, in columns
  Plotly.relayout(place, { height: height + below, "margin.b": 56 + below });
}

function drawCurves() {
  const folder = by("curves");
  const rows = shownRows();
  const names = setting().rows.map((row) => row.name);
  const { values, metric, decimals } = table();
  folder.replaceChildren();
  const lengths = setting().bits.map((bits) => (bits === null ? "" : String(bits)));
  const points = (number, what) => values[number].map((value) => value[what] ?? null);
  chart(folder, `${metric} by code length`, rows.filter((number) => points(number, "mean").some((v) => v !== null))
    .map((number) => lineOf(names[number], rows.indexOf(number), lengths, points(number, "mean"), {
      error_y: { array: points(number, "sd"), thickness: 1, width: 3, color: styleOf(rows.indexOf(number)).color },
      hovertemplate: `%{y:.${decimals}f} at %{x} bits`,
    })), axis("code length (bits)", { type: "category" }), axis(metric));
  drawDirections(folder, rows, names);
  const stored = (name) => rows.flatMap((number) => {
    const found = setting().curves.find((one) => one.row === number && [state.bits, null].includes(one.bits));
    const curve = found?.curves[name];
    return curve === undefined ? [] : [{ number, found, curve: typeof curve === "number" ? DATA.axes[curve] : curve }];
  });
  const pairs = (title, x, y, xAxis, yAxis, mode = "lines") => {
    const abscissas = new Map(stored(x).map((one) => [one.number, one.curve]));
    chart(folder, `${title}${state.bits === null ? "" : `, ${state.bits} bits`}`,
      stored(y).filter((one) => abscissas.has(one.number)).map((one) =>
        lineOf(names[one.number], rows.indexOf(one.number), abscissas.get(one.number), one.curve, { mode })),
      xAxis, yAxis);
  };
  const log = { type: "log", dtick: 1 };
  pairs("Precision by recall, over radii", "recall", "precision", axis("recall", { range: [0, 1.02] }),
    axis("precision", { range: [0, 1.02] }), "lines+markers");
  pairs("Precision at N", "rank", "precision_at_rank", logAxis("N, images returned", stored("rank").flatMap((one) => one.curve)), axis("precision@N"));
  pairs("Copies found by false alarms (ROC)", "fpr", "tpr", axis("share of other images accepted", { ...log, exponentformat: "power" }),
    axis("share of copies accepted"));
  for (const [name, title] of [["loss", "Training loss"], ["pretrain_loss", "Training loss of the start"]]) {
    const traces = stored(name).map((one) => {
      const epochs = one.found.epochs[name];
      const x = one.curve.map((_, i) => 1 + Math.round((i * (epochs - 1)) / Math.max(1, one.curve.length - 1)));
      return lineOf(names[one.number], rows.indexOf(one.number), x, one.curve, { mode: "lines" });
    });
    chart(folder, `${title}, as a share of the first epoch's`, traces, axis("epoch"), axis("share"));
  }
  drawPlots();
  if (!folder.childElementCount) folder.append(make("p", {}, "No row that passes the filters has a curve."));
}

// Bars by direction, where a metric is measured from one view to another: map[image->text].
function drawDirections(folder, rows, names) {
  const base = (name) => name.match(/^(.*)\[(.+->.+)\]$/);
  const stem = base(table().metric)?.[1];
  const tables = setting().tables.filter((one) => stem !== undefined && base(one.metric)?.[1] === stem);
  if (tables.length < 2) return;
  const measured = (number) => tables.some((one) => one.values[number][column()].mean !== undefined);
  const traces = rows.flatMap((number, place) => (!measured(number) ? [] : [{
    type: "bar", name: literal(names[number]), marker: { color: styleOf(place).color,
      pattern: { shape: ["", "/", ".", "x"][Math.floor(place / DATA.colors.length) % 4] } },
    x: tables.map((one) => literal(base(one.metric)[2])),
    y: tables.map((one) => one.values[number][column()].mean ?? null),
  }]));
  chart(folder, `${stem} by direction, ${state.bits} bits`, traces, axis("from -> to"), axis(stem));
}

function drawTime() {
  const folder = by("time");
  folder.replaceChildren();
  const stages = distinct(setting().seconds.flatMap((one) => Object.keys(one.seconds)));
  if (!stages.includes(state.stage)) state.stage = stages.includes("fit") ? "fit" : stages[0];
  by("stage").replaceChildren(...stages.map((stage) =>
    make("option", { value: stage, selected: stage === state.stage }, stage)));
  const rows = shownRows();
  const traces = rows.flatMap((number, place) => {
    const found = setting().seconds.find((one) => one.row === number && [state.bits, null].includes(one.bits));
    const mean = table().values[number][column()].mean;
    const seconds = found?.seconds[state.stage];
    return mean === undefined || !(seconds > 0) ? [] : [lineOf(setting().rows[number].name, place, [seconds], [mean], {
      mode: "markers", text: [literal(found.devices)], hovertemplate: "%{y:.3f} in %{x:.3g} s<br>%{text}",
    })];
  });
  chart(folder, `${table().metric} by seconds of “${state.stage}”, ${lengthOf(state.bits)}`, traces,
    logAxis("seconds", traces.flatMap((one) => one.x)), axis(table().metric), { height: 420 });
  drawPlots();
  if (!traces.length) folder.append(make("p", {}, "No row that passes the filters has such a time."));
}

function drawRanks() {
  document.querySelectorAll("[data-ranks]").forEach((place) => {
    const ranks = DATA.ranks[place.dataset.ranks];
    const half = ranks.methods.map(() => ranks.distance / 2);
    const color = styleOf(1).color;
    plot(place, [{
      name: "mean rank", type: "scatter", mode: "markers", x: ranks.means, y: ranks.methods.map(literal),
      marker: { color, size: 9 }, error_x: { array: half, color, thickness: 3, width: 0 },
      hovertemplate: "%{y}: %{x:.2f}",
    }], axis("mean rank, 1 is best"),
    axis("", { autorange: "reversed", type: "category", dtick: 1 }),
    { legend: false, height: 90 + 22 * ranks.methods.length });
  });
}
