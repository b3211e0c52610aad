//===-- Axes --------------------------------------------------------------===//

// Numbers that people like, about `wanted` of them, across [low, high].
function ticksOf(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(f => f * power).find(s => s >= raw * 0.8);
  const result = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) result.push(i * step);
  return {ticks: result, step};
}

// Least digits that tell ticks apart.
function digitsOf(step) {
  let digits = 0;
  while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) ++digits;
  return digits;
}

function axes(area, x, y, names) {
  const group = svg('g', {class: 'axis', 'aria-hidden': 'true'});
  for (const tick of y.ticks)
    append(group, [
      svg('line', {class: 'grid', x1: area.left, x2: area.right, y1: y.at(tick), y2: y.at(tick)}),
      svg('text', {x: area.left - 6, y: y.at(tick) + 4, 'text-anchor': 'end'}, y.format(tick)),
    ]);
  for (const tick of x.ticks)
    append(group, [
      svg('line', {class: 'grid', x1: x.at(tick), x2: x.at(tick), y1: area.bottom, y2: area.bottom + 4}),
      svg('text', {x: x.at(tick), y: area.bottom + 17, 'text-anchor': 'middle'}, x.format(tick)),
    ]);
  return append(group, [
    svg('text', {x: area.left - 44, y: area.top - 12}, names.y),
    svg('text', {x: (area.left + area.right) / 2, y: area.bottom + 36, 'text-anchor': 'middle'}, names.x),
  ]);
}

function scaleOf(low, high, from, to, wanted, format) {
  const {ticks, step} = ticksOf(low, high, wanted);
  return {
    ticks, at: value => from + (value - low) / (high - low) * (to - from),
    format: value => format(value, digitsOf(step)),
  };
}

function areaOf(width, height) {
  return {left: 52, right: width - 12, top: 26, bottom: height - 44};
}

// Draws again whenever the width changes, so that letters keep their size.
function drawInto(figure, draw) {
  const place = element('div');
  figure.append(place);
  let drawn = 0;
  const redraw = () => {
    const width = Math.max(Math.floor(figure.clientWidth), 260);
    if (width === drawn) return;
    drawn = width;
    place.replaceChildren(draw(width));
  };
  redraw();
  new ResizeObserver(redraw).observe(figure);
}

//===-- Columns -----------------------------------------------------------===//

// entries: {layers, tokens}, one for each depth.
function drawColumns(entries, width) {
  const height = 250, area = areaOf(width, height);
  const total = sum(entries.map(entry => entry.tokens));
  const most = Math.max(...entries.map(entry => entry.tokens), 1);
  const y = scaleOf(0, most * 1.12, area.bottom, area.top, 4, (value, digits) => fixed(value, digits));
  y.ticks = y.ticks.filter(Number.isInteger);
  const slot = (area.right - area.left) / entries.length;
  const middle = i => area.left + (i + 0.5) * slot;
  const stride = Math.ceil(30 / slot); // of labels that have room
  const x = {
    ticks: entries.map((_, i) => i).filter(i => i % stride === 0),
    at: middle, format: i => String(entries[i].layers),
  };
  const bars = entries.map(({layers, tokens}, i) => {
    const top = y.at(tokens), share = tokens / Math.max(total, 1);
    return [
      svg('rect', {
        class: 'bar', x: middle(i) - slot * 0.36, width: slot * 0.72, y: top, height: area.bottom - top,
        fill: rgb(colourOf(layers)), 'data-layers': layers, 'data-tokens': tokens,
      }, svg('title', {}, `${count(tokens, 'token')}, ${percent(share)}, after ${count(layers, 'layer')}`)),
      slot >= 46 && tokens > 0 && svg('text', {x: middle(i), y: top - 5, 'text-anchor': 'middle'}, percent(share)),
    ];
  });
  return append(svg('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': 'Tokens by layers run: ' + entries.filter(entry => entry.tokens > 0)
      .map(({layers, tokens}) => `${layers}: ${tokens}`).join(', '),
  }), [axes(area, x, y, {x: 'layers run', y: 'tokens'}), bars]);
}

//===-- Curves ------------------------------------------------------------===//

// Points that no other one beats in both respects, from left to right.
function frontOf(points) {
  const front = [];
  for (const point of [...points].sort((a, b) => a.x - b.x || b.y - a.y))
    if (front.length === 0 || point.y > front[front.length - 1].y) front.push(point);
  return front;
}

// A place for a letter near each point that keeps off all others.
function placeLetters(points, all) {
  const taken = all.map(point => [point.px, point.py]);
  const free = (x, y) => taken.every(([a, b]) => Math.hypot(a - x, b - y) > 11);
  for (const point of points) {
    const around = [14, 22, 30].flatMap(r => [-90, 90, 0, 180, -45, 45, -135, 135]
      .map(angle => [point.px + r * Math.cos(angle * Math.PI / 180), point.py + r * Math.sin(angle * Math.PI / 180)]));
    const [x, y] = around.find(([a, b]) => free(a, b)) || around[0];
    point.letterAt = [x, y];
    taken.push([x, y]);
  }
}

function drawSeries({name, points}, square) {
  const front = new Set(frontOf(points));
  const path = [...front].map((p, i) => `${i ? 'L' : 'M'}${fixed(p.px, 1)} ${fixed(p.py, 1)}`).join('');
  return [
    svg('path', {class: `line ${name}`, d: path}),
    points.map(point => {
      const title = svg('title', {}, point.title);
      const shared = {class: `point ${name}${front.has(point) ? ' best' : ''}`, 'data-setting': point.letter};
      return [
        point.shown && svg('circle', {class: 'ring', cx: point.px, cy: point.py, r: 8}),
        square ? svg('rect', {...shared, x: point.px - 3.5, y: point.py - 3.5, width: 7, height: 7}, title)
               : svg('circle', {...shared, cx: point.px, cy: point.py, r: 4.5}, title),
      ];
    }),
  ];
}

// series: {name, points: {x, y, letter, title, shown}}; letters stand at the
// first series.
function drawCurves(series, names, formatX, width) {
  const height = 320, area = areaOf(width, height);
  const points = series.flatMap(one => one.points);
  const [low, high] = [Math.min(...points.map(p => p.y)), Math.max(...points.map(p => p.y))];
  const room = Math.max((high - low) * 0.12, 0.02);
  const x = scaleOf(0, Math.max(...points.map(p => p.x)) * 1.06 || 1, area.left, area.right,
                    Math.max(3, Math.round(width / 80)), formatX);
  const y = scaleOf(Math.max(low - room, 0), Math.min(high + room, 1), area.bottom, area.top, 6,
                    (value, digits) => percent(value, Math.max(digits - 2, 0)));
  for (const point of points) [point.px, point.py] = [x.at(point.x), y.at(point.y)];
  placeLetters(series[0].points, points);
  return append(svg('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': `${names.y} against ${names.x}; the numbers are in the table below`,
  }), [
    axes(area, x, y, names),
    series.map((one, i) => drawSeries(one, i > 0)).reverse(),
    series[0].points.map(point =>
      svg('text', {class: 'letter', x: point.letterAt[0], y: point.letterAt[1] + 4}, point.letter)),
  ]);
}
