// Measures the page it stands in: where things stand, width, contrast, headings, folds, tables, text of charts; and what axe finds,
// if it is there.
(async () => {
  const channels = color => (color.match(/[\d.]+/g) || []).map(Number);
  const luminance = color => {
    const [r, g, b] = channels(color).map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const all = query => [...document.querySelectorAll(query)];
  const root = document.documentElement;
  const found = { width: root.scrollWidth, wide: [], faint: [], dim: [], levels: [], unsticky: [], cut: [], shut: [], unfocusable: [], axe: [] };

  const place = query => {
    const box = document.querySelector(query)?.getBoundingClientRect();
    return box && { top: box.top + scrollY, bottom: box.bottom + scrollY };
  };
  found.first = { verdict: place('#verdict'), chart: place('#chart figure'), cases: place('#cases') };

  const folds = all('details');
  found.folded = folds.length;
  for (const fold of folds) {
    const summary = fold.querySelector(':scope > summary');
    const was = fold.open;
    // What stands in a closed fold is reached when that is open.
    const outer = fold.parentElement.closest('details');
    const outerWas = outer?.open;
    if (outer) outer.open = true;
    summary.focus();
    const reached = document.activeElement === summary && summary.tabIndex === 0 && summary.textContent.trim().length > 5;
    summary.click();
    if (!reached || fold.open === was) found.shut.push(summary.textContent.slice(0, 40));
    fold.open = was;
    if (outer) outer.open = outerWas;
  }
  document.activeElement.blur();
  scrollTo(0, 0);

  found.unfocusable = all('.scroll').filter(e => e.tabIndex !== 0 || !e.getAttribute('aria-labelledby'))
    .map(e => e.textContent.slice(0, 40));

  found.wide = all('body *').filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
    .slice(0, 5).map(e => e.tagName + '.' + e.className);

  const texts = all('body *').filter(e => !e.closest('script') &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  for (const e of texts) {
    const style = getComputedStyle(e);
    const ratio = contrast(e.closest('svg') ? style.fill : style.color, behind(e));
    if (!(ratio >= 4.5)) found.faint.push(`${e.tagName} ${e.textContent.trim().slice(0, 30)} ${ratio}`);
  }
  found.texts = texts.length;

  const grid = '#E1E5E9', paper = '#FDFDFC';
  const marks = all('svg [fill], svg [stroke]').filter(e => e.tagName !== 'text');
  for (const e of marks) {
    const style = getComputedStyle(e);
    for (const name of ['fill', 'stroke']) {
      const given = e.getAttribute(name);
      if (!given || given === 'none' || given === grid || given === paper) continue;
      const ratio = contrast(style[name], behind(e));
      if (!(ratio >= 3)) found.dim.push(`${e.tagName} ${given} ${ratio}`);
    }
  }
  found.marks = marks.length;

  const levels = all('h1, h2, h3, h4, h5, h6').map(h => Number(h.tagName[1]));
  found.levels = levels.filter((level, at) => level > (levels[at - 1] || 0) + 1);

  for (const scroll of all('.scroll').filter(e => e.checkVisibility())) {
    scroll.scrollLeft = 120;
    const heading = scroll.querySelector('tbody th');
    const moved = heading.getBoundingClientRect().left - scroll.getBoundingClientRect().left;
    if (Math.abs(moved) > 1) found.unsticky.push(scroll.querySelector('caption').textContent.slice(0, 40));
    scroll.scrollLeft = 0;
  }

  const drawn = all('svg text').filter(t => t.textContent.trim() && t.checkVisibility());
  found.least = Math.min(...drawn.map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a));
  for (const svg of all('svg').filter(svg => svg.checkVisibility())) {
    const outer = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim())
      .map(t => [t.getBoundingClientRect(), t.textContent.trim()]);
    boxes.forEach(([box, text], at) => {
      if (box.left < outer.left - 1 || box.right > outer.right + 1 || box.bottom > outer.bottom + 1) found.cut.push(text);
      for (const [other, name] of boxes.slice(at + 1)) {
        const [x, y] = [Math.min(box.right, other.right) - Math.max(box.left, other.left),
          Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top)];
        if (x > 1 && y > 4) found.cut.push(`${text} / ${name}`);
      }
    });
  }

  if (typeof axe !== 'undefined') {
    const result = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    found.axe = result.violations.map(v => `${v.id}: ${v.nodes.length} × ${v.nodes[0].target} ${v.nodes[0].failureSummary}`);
    found.passes = result.passes.length;
    found.incomplete = result.incomplete.map(v => `${v.id}: ${v.nodes.length}`);
  }
  parent.postMessage(JSON.stringify(found), '*');
})();
