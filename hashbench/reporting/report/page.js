"use strict";
// Texts of records reach the page by textContent only, never as HTML.
const DATA = JSON.parse(document.getElementById("data").textContent);
const TOP = 10; // rows in figures unless one chooses others
const ALL = ""; // no filter
const by = (id) => document.getElementById(id);
const state = { setting: 0, metric: null, bits: null, stage: null, printing: false, chosen: new Map() };

// An element with attributes (of which class, dataset and on... too) and children: elements or texts.
function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

const setting = () => DATA.settings[state.setting];
const table = () => setting().tables.find((one) => one.metric === state.metric) ?? setting().tables[0];
const protocolOf = (one) => [one.protocol, one.recipe].filter(Boolean).join(" · ");
const column = () => Math.max(0, setting().bits.indexOf(state.bits));
const distinct = (values) => [...new Set(values)];
const numeral = (value, decimals) => value.toLocaleString("en", {
  minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: Math.abs(value) >= 10000,
});

// The numbers of the setting's rows that pass the filters.
function passing() {
  const words = by("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  return setting().rows.map((_, number) => number).filter((number) => {
    const row = setting().rows[number];
    const text = [row.name, row.title, row.reads, row.supervision, row.group, row.backbone].join(" ").toLowerCase();
    return ["group", "supervision", "reads"].every((name) => by(name).value === ALL || row[name] === by(name).value)
      && words.every((word) => text.includes(word));
  });
}

// Numbers of rows, the best at the chosen code length first; rows without a value last.
function ranked(numbers) {
  const sign = table().better === "lower" ? 1 : -1;
  const of = (number) => table().values[number]?.[column()]?.mean;
  return [...numbers].sort((a, b) => {
    const [first, second] = [of(a), of(b)];
    return first === undefined || second === undefined
      ? (first === undefined) - (second === undefined) : sign * (first - second);
  });
}

// The rows in figures: those chosen by hand, or the ten best of those that pass.
function shownRows() {
  const numbers = ranked(passing());
  const chosen = state.chosen.get(state.setting);
  return chosen ? numbers.filter((number) => chosen.has(number)) : numbers.slice(0, TOP);
}

function fill(select, values, chosen, label = (value) => value) {
  select.replaceChildren(...values.map((value, number) =>
    make("option", { value: number, selected: value === chosen }, String(label(value)))));
}

function fillFilter(name) {
  const before = by(name).value;
  const values = distinct(setting().rows.map((row) => row[name]).filter(Boolean));
  by(name).replaceChildren(make("option", { value: ALL }, "all"),
    ...values.map((value) => make("option", { value }, value)));
  by(name).value = values.includes(before) ? before : ALL;
}

// Choose a setting; metric and code length stay where it has them.
function choose(number) {
  state.setting = number;
  const metrics = setting().tables.map((one) => one.metric);
  if (!metrics.includes(state.metric)) state.metric = metrics[0] ?? null;
  if (!setting().bits.includes(state.bits)) state.bits = setting().bits.at(-1);
  const datasets = distinct(DATA.settings.map((one) => one.dataset));
  fill(by("dataset"), datasets, setting().dataset);
  const beside = DATA.settings.filter((one) => one.dataset === setting().dataset);
  fill(by("protocol"), beside, setting(), protocolOf);
  fill(by("metric"), metrics, state.metric);
  fill(by("bits"), setting().bits, state.bits, (bits) => bits ?? "no codes");
  ["group", "supervision", "reads"].forEach(fillFilter);
}

function listen() {
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  by("dataset").addEventListener("change", (event) => {
    const name = distinct(DATA.settings.map((one) => one.dataset))[event.target.value];
    const others = DATA.settings.filter((one) => one.dataset === name);
    choose(DATA.settings.indexOf(others.find((one) => protocolOf(one) === protocolOf(setting())) ?? others[0]));
  });
  by("protocol").addEventListener("change", (event) => {
    const beside = DATA.settings.filter((one) => one.dataset === setting().dataset);
    choose(DATA.settings.indexOf(beside[event.target.value]));
  });
  by("metric").addEventListener("change", (event) => { state.metric = setting().tables[event.target.value].metric; });
  by("bits").addEventListener("change", (event) => { state.bits = setting().bits[event.target.value]; });
  by("filters").addEventListener("input", () => draw());
  by("filters").addEventListener("change", () => draw());
  by("stage").addEventListener("change", (event) => { state.stage = event.target.value; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("hashchange", route);
  for (const [name, printing] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(name, () => {
      state.printing = printing;
      if (printing) document.querySelectorAll(".cards details").forEach((one) => { one.open = true; });
      draw();
    });
  }
}

// "#tables", "#tables=3" (a setting), "#method=itq".
function route() {
  let [name, argument] = location.hash.slice(1).split("=", 2);
  if (name === "main") return;
  if (!by(`view-${name}`)) name = "overview";
  if (name === "tables" && DATA.settings[argument]) choose(Number(argument));
  state.view = name;
  state.method = name === "method" ? decoded(argument ?? "") : null;
  document.querySelectorAll("main > section").forEach((one) => { one.hidden = one.id !== `view-${name}`; });
  document.querySelectorAll("nav a").forEach((link) => {
    const here = link.hash === `#${name === "method" ? "methods" : name}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  by("filters").hidden = !["tables", "curves", "time"].includes(name);
  document.querySelectorAll(".of-figures").forEach((one) => { one.hidden = name === "tables"; });
  scrollTo(0, 0);
  draw();
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}
