"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const machine = data.machine, stats = data.statistics;
const byId = (id) => document.getElementById(id);
const number = (x) => Math.round(x).toLocaleString("en");
const percent = (x) => (100 * x).toFixed(x < 0.1 ? 1 : 0) + " %";

function element(parent, name, text) {
  const child = parent.appendChild(document.createElement(name));
  if (text !== undefined) child.textContent = text;
  return child;
}

// Figures.
byId("title").textContent = data.program;
byId("subtitle").textContent = `${machine.name}, ${number(machine.clock_hz / 1e6)} MHz` +
  (machine.chips > 1 ? `, ${machine.chips} chips; the picture is of the first` : "");
for (const [name, value] of [
  ["Cycles", number(stats.cycles)],
  ["Runs a second", number(machine.clock_hz / stats.cycles)],
  ["Instructions issued", number(stats.instructions)],
  ["Text", number(stats.text_bytes / 1024) + " KiB"],
  ["Loads of weights", number(stats.installs)],
  ["Ports while weights stream", percent(stats.streaming_share)]]) {
  const box = element(byId("summary"), "div");
  element(box, "dt", name);
  element(box, "dd", value);
}
function table(id, head, rows) {
  const place = byId(id);
  const row = element(element(place, "thead"), "tr");
  for (const each of head) element(row, "th", each);
  const body = element(place, "tbody");
  for (const cells of rows) {
    const line = element(body, "tr");
    for (const cell of cells) element(line, "td", cell);
  }
}
table("units", ["", "units", "busy", "of all cycles"], stats.units.map((each) => [
  each.name, number(each.units), number(each.busy) + " cycles",
  percent(each.busy / Math.max(1, each.units * stats.cycles))]));
byId("streaming").textContent = "Weights stream in " + number(stats.streaming_cycles) +
  " cycles: those of loads, and gaps between them that are shorter than one. All install ports together are busy " +
  percent(stats.streaming_share) + " of that time. " + number(stats.reinstalls) + " loads come a second time.";
table("path", ["", "cycles", "share", "waited", "clusters"], stats.critical_path.map((each) => [
  each.name, number(each.cycles), percent(each.cycles / stats.cycles), number(each.waited), number(each.tasks)]));

// Memory: a bar for each slice, west on the left.
function drawMemory() {
  const slices = machine.slices, bar = 8, height = 120;
  for (let chip = 0; chip < Math.min(machine.chips, 8); ++chip) {
    const width = 2 * slices * bar + 24;
    let text = `<svg viewBox="0 0 ${width} ${height + 30}" width="${width}" role="img" aria-label="rows by slice">`;
    for (let side = 0; side < 2; ++side)
      for (let i = 0; i < slices; ++i) {
        const rows = stats.rows[(chip * 2 + side) * slices + i];
        const x = side ? slices * bar + 24 + i * bar : (slices - 1 - i) * bar;
        const filled = rows / machine.rows * height;
        text += `<rect class="frame" x="${x}" y="0" width="${bar - 1}" height="${height}"></rect>` +
          `<rect x="${x}" y="${height - filled}" width="${bar - 1}" height="${filled}">` +
          `<title>${side ? "east" : "west"} ${i}: ${rows} of ${machine.rows} rows</title></rect>`;
      }
    text += `<text x="0" y="${height + 16}">west ${slices - 1}</text>` +
      `<text x="${slices * bar - 12}" y="${height + 16}">0 | 0</text>` +
      `<text x="${width - 60}" y="${height + 16}">east ${slices - 1}</text></svg>`;
    byId("memory").insertAdjacentHTML("beforeend", text);
  }
}
drawMemory();

// Places, in units of a slice's width, from the middle of the VXM outward.
const aluWidth = 0.7, half = machine.alus * aluWidth / 2 + 1;
const switches = machine.shifters + machine.permuters + machine.distributors;
const sxmAt = half + machine.slices + 1, mxmAt = sxmAt + switches + 1;
const edge = mxmAt + 3 * machine.planes + 1;
function placeOf(kind, side, index) {
  const sign = side ? 1 : -1;
  if (kind === 2) return [-half + 1 + index * aluWidth, aluWidth];
  let at, width = 1;
  if (kind < 2) { at = half + index + kind * 0.5; width = 0.5; }
  else if (kind <= 5) at = mxmAt + index * 3 + kind - 3;
  else if (kind === 6) at = sxmAt + index;
  else if (kind === 7) at = sxmAt + machine.shifters + index;
  else if (kind === 8) at = sxmAt + machine.shifters + machine.permuters + index;
  else return null;
  return [sign > 0 ? at : -at - width, width];
}
function columnAt(side, column) {
  let at;
  if (column < machine.mem) at = 0;
  else if (column >= machine.mxm) at = mxmAt;
  else if (column >= machine.sxm) at = sxmAt;
  else at = half + Math.min(machine.slices, (column - machine.mem + 0.5) * machine.group);
  return side ? at : -at;
}
const kinds = ["reads", "writes", "ALU", "load", "feed", "drain", "shift", "permute", "distribute"];
const hues = data.names.map((name) => {
  let hash = 7;
  for (const c of name) hash = (hash * 31 + c.codePointAt(0)) % 9973;
  return hash * 137 % 360;
});

const canvas = byId("picture"), context = canvas.getContext("2d");
const view = { from: 0, to: stats.cycles };
let marks = [];

function draw() {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  context.scale(scale, scale);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const color = (name, alpha) => `hsl(${hues[name]} 65% ${dark ? 62 : 42}% / ${alpha})`;
  const perCycle = height / (view.to - view.from);
  const x = (place) => (place / edge + 1) / 2 * width;
  const y = (cycle) => (cycle - view.from) * perCycle;
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).color;
  context.font = "11px system-ui, sans-serif";
  for (const [name, place] of [["VXM", -1.5], ["MEM", half + 20], ["MEM", -half - 22], ["SXM", sxmAt + 1],
    ["SXM", -sxmAt - 4], ["MXM", mxmAt + 1], ["MXM", -mxmAt - 4]]) {
    context.globalAlpha = 0.6;
    context.fillText(name, x(place), 12);
  }
  context.globalAlpha = 1;
  if (perCycle > 0.25) drawTokens(x, y, perCycle, color);
  marks = [];
  const issues = data.issues;
  for (let i = 0; i < issues.length; i += 10) {
    if (issues[i] !== 0) continue;
    const cycle = issues[i + 4], times = issues[i + 5], every = issues[i + 6], length = issues[i + 7];
    const last = cycle + (times - 1) * every + length;
    if (last < view.from || cycle > view.to) continue;
    const place = placeOf(issues[i + 1], issues[i + 2], issues[i + 3]);
    if (!place) continue;
    const left = x(place[0]), wide = Math.max(1, x(place[0] + place[1]) - left - 0.5);
    marks.push([left, y(cycle), wide, Math.max(2, (last - cycle) * perCycle), i]);
    if (every * perCycle < 3 || times === 1) {
      context.fillStyle = color(issues[i + 9], times > 1 ? Math.max(0.35, 1 / every) : 0.9);
      context.fillRect(left, y(cycle), wide, Math.max(1, (last - cycle) * perCycle - 0.3));
      continue;
    }
    context.fillStyle = color(issues[i + 9], 0.9);
    for (let k = 0; k < times; ++k)
      context.fillRect(left, y(cycle + k * every), wide, Math.max(1, perCycle * length - 0.5));
  }
  byId("window").textContent = `cycles ${number(view.from)} to ${number(view.to)}`;
}

function drawTokens(x, y, perCycle, color) {
  const tokens = data.tokens;
  context.lineWidth = Math.min(2, Math.max(0.4, perCycle / 6));
  for (let i = 0; i < tokens.length; i += 10) {
    const [side, outward, diagonal, low, high, , , times, every, name] = tokens.slice(i, i + 10);
    const timeAt = (column) => outward ? diagonal + column : diagonal - column;
    const first = Math.min(timeAt(low), timeAt(high));
    if (first > view.to || first + (times - 1) * every + high < view.from) continue;
    context.strokeStyle = color(name, 0.45);
    context.beginPath();
    for (let k = 0; k < times; ++k) {
      context.moveTo(x(columnAt(side, low)), y(timeAt(low) + k * every));
      context.lineTo(x(columnAt(side, high)), y(timeAt(high) + k * every));
    }
    context.stroke();
  }
}

function show(from, to) {
  const length = Math.min(Math.max(to - from, 40), stats.cycles);
  view.from = Math.max(0, Math.min(from, stats.cycles - length));
  view.to = view.from + length;
  requestAnimationFrame(draw);
}
function zoom(factor, share) {
  const at = view.from + (view.to - view.from) * share, length = (view.to - view.from) * factor;
  show(at - length * share, at + length * (1 - share));
}
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.25 : 0.8, event.offsetY / canvas.clientHeight);
}, { passive: false });
let drag = null;
canvas.addEventListener("pointerdown", (event) => {
  drag = { y: event.offsetY, from: view.from, to: view.to };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointerup", () => { drag = null; });
canvas.addEventListener("pointermove", (event) => {
  if (drag) {
    const by = (event.offsetY - drag.y) / canvas.clientHeight * (drag.to - drag.from);
    return show(drag.from - by, drag.to - by);
  }
  const { offsetX: px, offsetY: py } = event;
  const found = marks.find(([l, t, w, h]) => px >= l - 1 && px <= l + w + 1 && py >= t - 1 && py <= t + h + 1);
  if (!found) return void (byId("under").textContent = "");
  const i = found[4], issues = data.issues;
  const where = issues[i + 1] === 2 ? "" : issues[i + 2] ? "east " : "west ";
  byId("under").textContent = `cycle ${number(issues[i + 4])}: ${data.opcodes[issues[i + 8]]}, ` +
    `${where}${kinds[issues[i + 1]] ?? "unit"} ${issues[i + 3]}` +
    (issues[i + 5] > 1 ? `, ${issues[i + 5]} times every ${issues[i + 6]}` : "") + `, ${data.names[issues[i + 9]]}`;
});
canvas.addEventListener("keydown", (event) => {
  const step = (view.to - view.from) / 4;
  if (event.key === "+") zoom(0.7, 0.5);
  else if (event.key === "-") zoom(1.4, 0.5);
  else if (event.key === "ArrowDown") show(view.from + step, view.to + step);
  else if (event.key === "ArrowUp") show(view.from - step, view.to - step);
  else return;
  event.preventDefault();
});
byId("whole").onclick = () => show(0, stats.cycles);
byId("in").onclick = () => zoom(0.5, 0.5);
byId("out").onclick = () => zoom(2, 0.5);
for (const name of data.names) element(byId("names"), "option").value = name;
byId("find").addEventListener("change", (event) => {
  const name = data.names.indexOf(event.target.value), issues = data.issues;
  if (name < 0) return;
  let from = Infinity, to = 0;
  for (let i = 0; i < issues.length; i += 10)
    if (issues[i + 9] === name) {
      from = Math.min(from, issues[i + 4]);
      to = Math.max(to, issues[i + 4] + issues[i + 5] * issues[i + 6]);
    }
  show(from - 20, Math.min(to, from + 2000) + 20);
});
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
show(0, stats.cycles);
