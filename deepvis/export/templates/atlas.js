"use strict";
// Search over all units, sorting of a layer's units, and keys. The pages can be read without it.
const ROOT = document.body.dataset.root;
const SHOWN = 120;
const NUMBERS = /^(h|rate|max|zeros)(>=|<=|>|<|=)(-?[\d.]+(?:e-?\d+)?)$/;
const COMPARE = {
  ">": (a, b) => a > b, "<": (a, b) => a < b, "=": (a, b) => a === b,
  ">=": (a, b) => a >= b, "<=": (a, b) => a <= b,
};

// A query is words that must all hold: numbers (H>5), layer:, unit:, class:, a unit's number, or text in the layer's
// name or the classes. Quotation marks keep words together: class:"great white shark".
function words(query) {
  return (query.toLowerCase().match(/(?:[^\s"]+|"[^"]*"?)+/g) || []).map((word) => word.replace(/"/g, ""));
}

function condition(word) {
  const number = NUMBERS.exec(word);
  if (number) {
    const [, key, sign, bound] = number;
    return (layer, unit) => layer[key][unit] !== null && COMPARE[sign](layer[key][unit], Number(bound));
  }
  const named = (layer, unit, text) => layer.classes[unit].some((at) => ATLAS.classes[at].toLowerCase().includes(text));
  const [, key, text] = /^(layer|unit|class):(.*)$/.exec(word) || [];
  if (key === "layer") return (layer) => layer.name.toLowerCase().includes(text);
  if (key === "unit") return (layer, unit) => String(unit) === text;
  if (key === "class") return (layer, unit) => named(layer, unit, text);
  if (/^\d+$/.test(word)) return (layer, unit) => unit === Number(word);
  return (layer, unit) => layer.name.toLowerCase().includes(word) || named(layer, unit, word);
}

function search(query) {
  const conditions = words(query).map(condition);
  const found = [];
  for (const layer of ATLAS.layers) {
    for (let unit = 0; unit < layer.h.length; unit++) {
      if (conditions.every((holds) => holds(layer, unit))) found.push([layer, unit]);
    }
  }
  return found;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function thumbnail(layer, unit) {
  const { columns, rows, gap, cell } = ATLAS.sheet;
  const place = unit % (columns * rows), zoom = 48 / cell;
  const [height, width] = layer.block;
  const left = gap + (place % columns) * (width + gap), top = gap + Math.floor(place / columns) * (height + gap);
  const picture = element("i");
  const sheet = Math.floor(unit / (columns * rows));
  picture.style.backgroundImage = `url("${ROOT}sprites/${layer.file}_${sheet}.webp")`;
  picture.style.backgroundSize = `${(columns * (width + gap) + gap) * zoom}px auto`;
  picture.style.backgroundPosition = `${-left * zoom}px ${-top * zoom}px`;
  return picture;
}

function hit(layer, unit) {
  const link = element("a", "hit");
  link.href = `${ROOT}layers/${layer.file}.html#u${unit}`;
  const text = element("div");
  text.append(element("b", "", `${layer.name} · ${unit}`), element("br"));
  const rate = layer.rate[unit] === null ? "" : ` · rate ${layer.rate[unit]}`;
  text.append(element("small", "", `H ${layer.h[unit].toFixed(2)}${rate}`), element("br"));
  text.append(element("small", "", layer.classes[unit].map((at) => ATLAS.classes[at]).slice(0, 2).join(", ")));
  link.append(thumbnail(layer, unit), text);
  return link;
}

function show(query) {
  const box = document.getElementById("found");
  box.replaceChildren();
  box.hidden = !query.trim();
  if (box.hidden) return;
  const found = search(query);
  const more = found.length > SHOWN ? `, the first ${SHOWN} shown` : "";
  box.append(element("p", "lead", `${found.length} units${more}`));
  const list = element("div", "hits");
  list.append(...found.slice(0, SHOWN).map(([layer, unit]) => hit(layer, unit)));
  box.append(list);
}

function sortBy(key) {
  const list = document.querySelector(".units");
  const down = key === "unit" ? 1 : -1;
  const cards = [...list.children];
  cards.sort((a, b) => down * (a.dataset[key] - b.dataset[key]) || a.dataset.unit - b.dataset.unit);
  list.append(...cards);
  for (const button of document.querySelectorAll(".sort button")) {
    button.classList.toggle("on", button.dataset.key === key);
  }
}

function step(by) {
  const cards = [...document.querySelectorAll("article")];
  const at = cards.findIndex((card) => card.matches(":target"));
  const next = cards[at < 0 ? 0 : at + by];
  if (next) location.hash = next.id;
}

const input = document.querySelector("input[type=search]");
input.value = new URLSearchParams(location.search).get("q") || "";
show(input.value);
input.addEventListener("input", () => show(input.value));
document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  document.querySelector(".hit")?.click();
});
for (const button of document.querySelectorAll(".sort button")) {
  button.parentElement.hidden = false;
  button.addEventListener("click", () => sortBy(button.dataset.key));
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement === input) {
    if (event.key === "Escape") { input.value = ""; show(""); input.blur(); }
  } else if (event.key === "/") { event.preventDefault(); input.focus(); }
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
});
