//===-- What was measured -------------------------------------------------===//

const tokens = data.texts.flatMap(text => text.tokens);
const histogram = depths.map(layers =>
  ({layers, tokens: tokens.filter(token => token.layers === layers).length}));

// From the most layers to the fewest, each with a letter.
const settings = [...data.settings].sort((a, b) => b.layers - a.layers);
settings.forEach((setting, i) => setting.letter = i < 26 ? String.fromCharCode(65 + i) : String(i + 1));
const full = settings.find(setting => setting.full);
const shown = settings.find(setting => setting.shown);

const quality = setting => setting.total > 0 ? setting.right / setting.total : 0;
const secondsPerToken = setting => setting.rows > 0 ? setting.seconds / setting.rows : null;
const readPerToken = setting =>
  setting.bytes_read === null || setting.tokens === 0 ? null : setting.bytes_read / setting.tokens;
const qualityName = data.answers ? 'Accuracy' : 'Agreement with the full model';

// Experts of the layers that did not run for a token; a draft that was checked
// has run through all.
const expertBytesPerToken = sum(data.expert_bytes);
const skippedBytesPerToken = tokens.length === 0 ? 0 :
  sum(tokens.map(token => token.check ? 0 : sum(data.expert_bytes.slice(token.layers)))) / tokens.length;

// Of tokens that left as drafts, where there are some.
function meanDepth(list) {
  const counted = data.drafts ? list.filter(token => token.check) : list;
  return sum(counted.map(token => token.layers)) / Math.max(counted.length, 1);
}

function nameOf(setting) {
  if (setting.full) return 'all layers';
  if (setting.threshold === null)
    return data.certificate ? 'the module\u2019s, certified' : 'the module\u2019s';
  return threshold(setting.threshold);
}

//===-- In short ----------------------------------------------------------===//

function addTile(name, value, note) {
  byId('summary').append(element('div', {}, element('dt', {}, name),
    element('dd', {class: 'value'}, value), element('dd', {class: 'note'}, note)));
}

function showSummary() {
  byId('model').textContent = data.model;
  byId('subtitle').textContent = `${data.module}: policy ${data.policy}, ${data.head} head, state ${data.state}, ` +
    `${count(data.texts.length, 'text')}, ${count(tokens.length, 'token')}`;
  document.title = `Early exits: ${data.model}`;
  addTile('Layers per token', `${fixed(shown.layers)} of ${data.layers}`, data.drafts
    ? `drafts left after ${fixed(meanDepth(tokens))}` : `${percent(shown.layers / data.layers)} of the depth`);
  const check = data.layer_bytes > 0 ? data.head_bytes / data.layer_bytes : 0;
  addTile('Layers and heads per token', fixed(shown.layers_with_heads),
    `a check costs as much as ${fixed(check)} layers`);
  addTile(qualityName, percent(quality(shown)), data.answers
    ? `${shown.right} of ${shown.total} tasks; full model ${percent(quality(full))}`
    : `${shown.right} of ${shown.total} tokens`);
  const [now, before] = [secondsPerToken(shown), secondsPerToken(full)];
  if (now && before)
    addTile('Time per token', duration(now),
      `full model ${duration(before)}: ${fixed(before / now)} times the speed`);
  if (skippedBytesPerToken > 0)
    addTile('Expert bytes not needed', percent(skippedBytesPerToken / expertBytesPerToken),
      `${bytes(skippedBytesPerToken)} of ${bytes(expertBytesPerToken)} per token`);
  if (data.drafts && data.drafts.proposed > 0)
    addTile('Drafts accepted', percent(data.drafts.accepted / data.drafts.proposed),
      `${data.drafts.accepted} of ${data.drafts.proposed}, in ${count(data.drafts.checks, 'check')}`);
}

//===-- The text ----------------------------------------------------------===//

const tip = byId('tip');
const checks = {
  accepted: 'a draft that the full model accepted',
  replaced: 'the full model said this in place of a draft',
};

function scoresTable(token) {
  const rows = data.exits.map((exit, i) => ({exit, score: token.scores[i]}))
    .filter(({score}) => score !== null && score !== undefined)
    .map(({exit, score}) => ({
      cells: [String(exit.layers), String(Number(score.toPrecision(4))), threshold(exit.threshold)],
      shown: exit.layers === token.layers,
    }));
  if (rows.length === 0) return null;
  const table = element('table');
  fillTable(table, 'Scores at the exits passed', [['layer'], ['score'], ['leaves from']], rows);
  return table;
}

function showTip(place, token) {
  const where = token.layers < data.layers ? `left behind layer ${token.layers} of ${data.layers}`
                                           : `ran through all ${data.layers} layers`;
  tip.replaceChildren();
  append(tip, [
    element('strong', {}, JSON.stringify(token.text)), ` ${where}`, element('br'),
    `token ${token.id}`, token.check && `, ${checks[token.check]}`, scoresTable(token),
  ]);
  tip.hidden = false;
  const box = place.getClientRects()[0] || place.getBoundingClientRect();
  const below = box.bottom + 8 + tip.offsetHeight <= window.innerHeight;
  tip.style.left = `${Math.max(4, Math.min(box.left, window.innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${below ? box.bottom + 8 : Math.max(4, box.top - 8 - tip.offsetHeight)}px`;
}

function tokenElement(token) {
  const state = [token.check, token.text === '\n' && 'newline', token.text === '' && 'empty'].filter(Boolean);
  const result = element('span', {
    class: ['token', `layer-${token.layers}`, ...state].join(' '), 'data-layers': token.layers,
  }, token.text);
  result.addEventListener('pointerenter', () => showTip(result, token));
  result.addEventListener('pointerleave', () => tip.hidden = true);
  return result;
}

// Arrow keys walk through the tokens of a text.
function letKeysWalk(place, elements, list) {
  let current = -1;
  const mark = i => {
    if (current >= 0) elements[current].classList.remove('current');
    current = i;
    tip.hidden = i < 0;
    if (i < 0) return;
    elements[i].classList.add('current');
    elements[i].scrollIntoView({block: 'nearest'});
    showTip(elements[i], list[i]);
  };
  place.addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (event.key === 'Escape') mark(-1);
    if (!step || elements.length === 0) return;
    event.preventDefault();
    mark(Math.max(0, Math.min(elements.length - 1, current + step)));
  });
  place.addEventListener('blur', () => mark(-1));
}

const mostPrompt = 600; // characters of it that are shown

function promptElement(prompt) {
  const characters = Array.from(prompt), cut = characters.length - mostPrompt;
  const visible = cut > 0 ? `\u2026 (${count(cut, 'character')} before)\n${characters.slice(cut).join('')}` : prompt;
  return element('span', {class: 'prompt'}, visible);
}

function textElement(text, number) {
  const elements = text.tokens.map(tokenElement);
  const body = element('pre', {tabindex: '0', 'aria-label': `Text ${number}, arrow keys walk through its tokens`},
    promptElement(text.prompt), elements);
  letKeysWalk(body, elements, text.tokens);
  const verdict = text.correct === null ? null : text.correct
    ? element('span', {class: 'right'}, '\u2713 right')
    : element('span', {class: 'wrong'}, '\u2717 wrong, the answer is ', element('q', {}, text.answer));
  return element('article', {class: 'text', 'aria-label': `Text ${number}`}, element('header', {},
    element('span', {}, text.task || `Text ${number}`), element('span', {}, count(text.tokens.length, 'token')),
    element('span', {}, `${fixed(meanDepth(text.tokens))} layers per ${data.drafts ? 'draft' : 'token'}`),
    verdict), body);
}

const perPage = 40, atFirst = 6; // so that what is below is not far away
let wantedTexts = data.texts, textsShown = 0;

function showMoreTexts() {
  const next = wantedTexts.slice(textsShown, textsShown + (textsShown ? perPage : atFirst));
  append(byId('texts'), next.map((text, i) => textElement(text, textsShown + i + 1)));
  textsShown += next.length;
  const left = wantedTexts.length - textsShown;
  byId('more').hidden = left === 0;
  byId('more').textContent = `Show ${Math.min(left, perPage)} more of ${count(left, 'text')}`;
}

function addFilter(label, change) {
  const box = element('input', {type: 'checkbox'});
  box.addEventListener('change', () => change(box.checked));
  byId('filters').append(element('label', {}, box, ` ${label}`));
}

function addLegend() {
  const picked = new Set();
  for (const layers of depths) {
    const button = element('button', {type: 'button', class: `layer-${layers}`, 'aria-pressed': 'false'},
      layers === data.layers ? `${layers}: all layers` : `${layers}`);
    button.addEventListener('click', () => {
      picked.has(layers) ? picked.delete(layers) : picked.add(layers);
      button.setAttribute('aria-pressed', String(picked.has(layers)));
      byId('texts').classList.toggle('dim', picked.size > 0);
      pickTokens(picked);
    });
    byId('legend').append(button);
  }
  return picked;
}

function pickTokens(picked) {
  for (const token of byId('texts').querySelectorAll('.token'))
    token.classList.toggle('picked', picked.has(Number(token.dataset.layers)));
}

function showTexts() {
  byId('text-hint').textContent = (data.drafts
    ? 'Each token has the colour of the layer behind which it left as a draft; where the full model said another ' +
      'one, that stands here and is underlined. '
    : 'Each token has the colour of the layer behind which it left. ') +
    'Point at one, or focus the text and use the arrow keys, to see the scores at the exits that it passed.';
  const picked = addLegend();
  addFilter('layers as numbers', on => byId('texts').classList.toggle('numbers', on));
  if (data.texts.some(text => text.correct === false))
    addFilter('only wrong answers', on => {
      wantedTexts = on ? data.texts.filter(text => text.correct === false) : data.texts;
      textsShown = 0;
      byId('texts').replaceChildren();
      showMoreTexts();
      pickTokens(picked);
    });
  byId('more').addEventListener('click', () => { showMoreTexts(); pickTokens(picked); });
  showMoreTexts();
}

//===-- Histogram, curves, bytes ------------------------------------------===//

function showHistogram() {
  drawInto(byId('histogram'), width => drawColumns(histogram, width));
  fillTable(byId('histogram-table'), 'Generated tokens by the layers that they ran through',
    [['layers'], ['tokens'], ['share of tokens']],
    histogram.map(({layers, tokens: number}) =>
      ({cells: [String(layers), String(number), percent(number / Math.max(tokens.length, 1))]})));
}

function keyElement(...entries) {
  return element('p', {class: 'key'}, entries.map(([name, text]) =>
    element('span', {}, element('i', {class: name, 'aria-hidden': 'true'}), text)));
}

function pointsOf(x, unit) {
  return settings.filter(setting => x(setting) !== null).map(setting => ({
    x: x(setting), y: quality(setting), letter: setting.letter, shown: setting.shown,
    title: `${setting.letter}, threshold ${nameOf(setting)}: ${percent(quality(setting))}, ${unit(x(setting))}`,
  }));
}

function showCurves() {
  byId('curves-title').textContent = `${qualityName}, and what it costs`;
  byId('curves-hint').textContent = (data.answers
    ? `Each setting answered all ${full.total} tasks; one task is ${percent(1 / full.total)}. `
    : 'There are no answers to compare with: shown is the share of its own tokens with which each setting says what the ' +
      'full model says after the same text. ') +
    'Lines join the settings that no other one beats. Heads are those of checks at exits, not the one that the full ' +
    'model needs at its end. Wall clock is that of this run on this machine, ' +
    'of the steps that read no prompt.';
  const names = x => ({x, y: data.answers ? 'accuracy' : 'agreement'});
  const layers = byId('curve-layers');
  layers.append(element('figcaption', {}, 'Against average layers', keyElement(['', 'layers'],
    ['heads', 'layers and heads'], ['dominated', 'beaten by another'], ['shown', 'the text above'])));
  drawInto(layers, width => drawCurves([
    {name: 'layers', points: pointsOf(s => s.layers, x => `${fixed(x)} layers per token`)},
    {name: 'heads', points: pointsOf(s => s.layers_with_heads, x => `${fixed(x)} layers and heads per token`)},
  ], names('layers per token'), fixed, width));
  const timed = settings.some(setting => secondsPerToken(setting) !== null), time = byId('curve-time');
  time.append(element('figcaption', {}, 'Against wall clock', timed
    ? keyElement(['', 'time per token'], ['dominated', 'beaten by another'], ['shown', 'the text above'])
    : element('p', {class: 'hint'}, 'Every step read a prompt, so none was timed.')));
  if (timed)
    drawInto(time, width => drawCurves([{
      name: 'time', points: pointsOf(s => secondsPerToken(s) === null ? null : 1e3 * secondsPerToken(s),
        x => `${duration(x / 1e3)} per token`),
    }], names('milliseconds per token'), fixed, width));
  showSettings();
}

function showSettings() {
  const columns = [['', true], ['threshold', true], [data.answers ? 'tasks right' : 'tokens that agree'],
    [data.answers ? 'accuracy' : 'agreement'], ['layers per token'], ['with heads'], ['time per token'], ['speed']];
  const reads = settings.some(setting => readPerToken(setting) !== null);
  if (reads) columns.push(['read per token']);
  fillTable(byId('settings'), 'All settings, from the most layers to the fewest; that of the text above is bold',
    columns, settings.map(setting => {
      const seconds = secondsPerToken(setting), before = secondsPerToken(full), read = readPerToken(setting);
      const cells = [setting.letter, nameOf(setting), `${setting.right} of ${setting.total}`, percent(quality(setting)),
        fixed(setting.layers), fixed(setting.layers_with_heads), seconds === null ? '\u2013' : duration(seconds),
        seconds && before ? `${fixed(before / seconds)}\u00d7` : '\u2013'];
      if (reads) cells.push(read === null ? '\u2013' : bytes(read));
      return {cells, shown: setting.shown};
    }));
}

function showBytes() {
  if (expertBytesPerToken === 0) {
    byId('bytes-section').hidden = true;
    return;
  }
  const row = (name, all, less) => ({
    cells: [name, bytes(all), bytes(all - less), bytes(less), all > 0 ? percent(less / all) : '\u2013'],
  });
  const rows = [row('Experts of the layers, computed', expertBytesPerToken, skippedBytesPerToken)];
  const [now, before] = [readPerToken(shown), readPerToken(full)];
  if (now !== null && before !== null) rows.push(row('Read from storage, measured', before, before - now));
  fillTable(byId('bytes'), 'Per generated token',
    [['', true], ['full model'], ['with exits'], ['not fetched'], ['share']], rows);
  const waits = data.state !== 'propagate'
    ? ' Tokens that left wait: their layers may run later, together with those of a token that goes deeper.' : '';
  const budget = data.memory_budget === null ? ' All experts were in memory, so nothing was read from storage.'
    : ` Measured with ${bytes(data.memory_budget)} of memory for experts, prompts included.`;
  byId('bytes-hint').textContent =
    'Computed: the experts that a token would have used in the layers that it did not run.' + waits + budget;
}

//===-- What was run ------------------------------------------------------===//

function certificateText() {
  if (data.certificate_dropped)
    return 'Thresholds were overridden, so the certificate of the module does not hold for this run.';
  const c = data.certificate;
  if (!c) return 'None: nothing bounds how often an early exit changes the outcome.';
  return `With probability at least ${percent(1 - c.epsilon)}, for prompts like those of the calibration, ` +
    `this is at most ${percent(c.delta)}: ${c.risk}.`;
}

function showRun() {
  fillList(byId('run'), [
    ['Module', data.module], ['Model', data.model], ['Policy', data.policy], ['Head', data.head],
    ['State of skipped layers', data.state], ['Layers', String(data.layers)], ['Threads', String(data.threads)],
    ['Memory for experts', data.memory_budget === null ? 'all in memory' : bytes(data.memory_budget)],
    ['Weights of a layer', `${bytes(data.layer_bytes)} per token`],
    ['Weights of a check', `${bytes(data.head_bytes)} per token`],
    ...data.leave_bytes > 0 ? [['Weights of leaving', `${bytes(data.leave_bytes)} per token` +
      (data.unsure_bytes > 0 ? `, ${bytes(data.unsure_bytes)} more if its best word is not certain` : '')]] : [],
  ]);
  fillTable(byId('exits'), 'Thresholds of the text above: a token leaves if its score is no less',
    [['behind layer'], ['threshold']],
    data.exits.map(exit => ({cells: [String(exit.layers), threshold(exit.threshold)]})));
  byId('certificate').textContent = certificateText();
  const c = data.certificate;
  if (c && !data.certificate_dropped)
    fillList(byId('certificate-numbers'), [
      ['Prompts (n)', String(c.prompts)], ['Risk allowed (\u03b4)', percent(c.delta)],
      ['Chance of error (\u03b5)', percent(c.epsilon)], ['Risk on these prompts', percent(c.empirical_risk, 2)],
      ['p-value', String(Number(c.p_value.toPrecision(3)))], ['Hash of the prompts', String(c.data_hash)],
    ]);
}

showSummary();
showTexts();
showHistogram();
showCurves();
showBytes();
showRun();
