'use strict';

// What the page is about: see ExitReport.cpp.
const data = JSON.parse(document.getElementById('data').textContent);

//===-- Elements ----------------------------------------------------------===//

const byId = id => document.getElementById(id);

function append(parent, children) {
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined && child !== false)
      parent.append(child);
  return parent;
}

// Text only ever becomes text nodes and attributes, so nothing in it is markup.
function element(name, attributes = {}, ...children) {
  const result = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) result.setAttribute(key, value);
  return append(result, children);
}

function svg(name, attributes = {}, ...children) {
  const result = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) result.setAttribute(key, value);
  return append(result, children);
}

// Columns are [heading, is it text?]; rows are {cells, shown}.
function fillTable(table, caption, columns, rows) {
  append(table, [
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, columns.map(([heading, isText]) =>
      element('th', {scope: 'col', class: isText ? 'left' : undefined}, heading)))),
    element('tbody', {}, rows.map(({cells, shown}) =>
      element('tr', {class: shown ? 'shown' : undefined}, cells.map((cell, i) =>
        element('td', {class: columns[i][1] ? 'left' : undefined}, cell))))),
  ]);
}

function fillList(list, entries) {
  for (const [name, value] of entries)
    if (value) append(list, [element('dt', {}, name), element('dd', {}, value)]);
}

//===-- Numbers -----------------------------------------------------------===//

const space = '\u00a0'; // between a number and its unit

const sum = numbers => numbers.reduce((a, b) => a + b, 0);

function fixed(number, digits = 2) {
  return number.toFixed(digits);
}

function count(number, one, many = one + 's') {
  return `${number.toLocaleString('en-US')}${space}${number === 1 ? one : many}`;
}

function percent(share, digits = 1) {
  return `${fixed(100 * share, digits)}${space}%`;
}

function bytes(number) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (; number >= 999.5 && i + 1 < units.length; ++i) number /= 1000;
  return `${i === 0 || number >= 100 ? fixed(number, 0) : Number(number.toPrecision(3))}${space}${units[i]}`;
}

function duration(seconds) {
  const [factor, unit] = seconds >= 1 ? [1, 's'] : seconds >= 1e-3 ? [1e3, 'ms'] : [1e6, '\u00b5s'];
  return `${Number((seconds * factor).toPrecision(3))}${space}${unit}`;
}

// Infinite ones are written 'inf' and '-inf'.
function threshold(value) {
  return typeof value === 'string' ? value.replace('inf', '\u221e') : String(Number(value.toPrecision(5)));
}

//===-- Colours of layers -------------------------------------------------===//

// One hue after the other from light to dark, so that order and distance show
// without colour vision, too.
const ramp = [[255, 247, 188], [217, 240, 163], [161, 218, 180], [94, 196, 190], [50, 160, 195],
              [34, 112, 180], [37, 66, 150], [40, 28, 100]];

function colourOf(layers) {
  const at = data.layers > 1 ? (layers - 1) / (data.layers - 1) * (ramp.length - 1) : 0;
  const i = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[i].map((from, c) => Math.round(from + (ramp[i + 1][c] - from) * (at - i)));
}

// The ink that has more contrast (WCAG 2).
function inkOn(colour) {
  const [r, g, b] = colour.map(c => {
    c /= 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#10151b' : '#ffffff';
}

const rgb = colour => `rgb(${colour.join(' ')})`;

// Layers behind which a token can leave, and the last.
const depths = [...new Set([...data.exits.map(exit => exit.layers), data.layers])].sort((a, b) => a - b);

document.head.append(element('style', {}, depths.map(layers => {
  const colour = colourOf(layers);
  return `.layer-${layers} { background: ${rgb(colour)}; color: ${inkOn(colour)}; }\n`;
}).join('')));
