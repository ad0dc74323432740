// Functions that the tests evaluate in the page.
({
  // Returns every text whose contrast with its background is less than 4.5, as "ratio text".
  contrast() {
    const parse = color => {
      const parts = color.match(/[\d.]+/g).map(Number);
      return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
    };
    const over = (top, bottom) => top.rgb.map((value, index) => value * top.alpha + bottom[index] * (1 - top.alpha));
    const light = rgb => {
      const linear = rgb.map(value => value / 255).map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const background = element => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor);
        if (color.alpha > 0) layers.push(color);
        if (color.alpha === 1) break;
      }
      return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const faults = [];
    let count = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || element.closest('script, title, desc') || !element.checkVisibility()) continue;
      const style = getComputedStyle(element);
      const inGraph = element.closest('svg');
      // Names and lines in a box are on its color; ports at an edge are on that of the page.
      const box = inGraph && !element.classList.contains('ports') && document.querySelector('svg .box');
      const back = box ? parse(getComputedStyle(box).fill).rgb : background(inGraph ? inGraph.parentElement : element);
      const found = ratio(parse(inGraph ? style.fill : style.color).rgb, back);
      count += 1;
      if (found < 4.5) faults.push(found.toFixed(2) + ' ' + walker.currentNode.data.trim().slice(0, 40));
    }
    return { count, faults };
  },

  // Returns what is wrong with the structure of the page.
  structure() {
    const faults = [];
    const check = (holds, fault) => { if (!holds) faults.push(fault); };
    const all = selector => [...document.querySelectorAll(selector)];
    const ids = all('[id]').map(element => element.id);
    check(new Set(ids).size === ids.length, 'an id is there twice');
    for (const link of all('a')) {
      const target = link.getAttribute('href');
      check(target && target.startsWith('#') && document.getElementById(target.slice(1)), 'a link leads nowhere: ' + link.outerHTML.slice(0, 120));
      check((link.getAttribute('aria-label') || link.textContent).trim(), 'a link has no name: ' + link.outerHTML.slice(0, 120));
    }
    for (const id of all('[aria-labelledby]').flatMap(element => element.getAttribute('aria-labelledby').split(' '))) {
      check(document.getElementById(id), 'a label is missing: ' + id);
    }
    for (const header of all('th')) check(header.scope, 'a header cell has no scope');
    const roles = { TABLE: 'table', THEAD: 'rowgroup', TBODY: 'rowgroup', TR: 'row', TD: 'cell' };
    for (const part of all('table, thead, tbody, tr, th, td')) {
      // Most browsers take the role of a part away that is displayed otherwise; the one of these tests does not.
      const role = roles[part.tagName] || (part.scope === 'row' ? 'rowheader' : 'columnheader');
      check(getComputedStyle(part).display.startsWith('table') || part.getAttribute('role') === role, 'a part of a table has no role: ' + role);
    }
    for (const table of all('table')) check(table.caption || table.closest('details'), 'a table has no caption');
    for (const text of all('caption, p, dd, td, h3')) {
      const narrow = text.checkVisibility() && !text.closest('.matrix') && text.textContent.length > 12 && text.getBoundingClientRect().width < 90;
      check(!narrow, 'a text is squeezed: ' + text.textContent.slice(0, 60));
    }
    for (const graph of all('svg')) {
      check(graph.getAttribute('role') === 'img' && graph.querySelector('title').textContent && graph.querySelector('desc').textContent.length > 20,
        'the graph has no text');
    }
    check(document.documentElement.lang === 'en' && document.title, 'the page has no language or title');
    const levels = all('h1, h2, h3, h4').map(heading => Number(heading.tagName[1]));
    check(levels.filter(level => level === 1).length === 1, 'there is not one h1');
    check(levels.every((level, index) => index === 0 || level <= levels[index - 1] + 1), 'a heading skips a level');
    for (const region of all('.wide, pre')) check(region.tabIndex === 0, 'a part that scrolls cannot be focused');
    check(all('[style], img, iframe, object, link, form, [onerror], [onload], [onclick]').length === 0, 'an element that the page must not have');
    check(all('script').every(script => script.type === 'application/json'), 'a script that runs');
    return faults;
  },

  // Returns the number of parts of visible tables, by the role that each should have.
  tables() {
    const count = selector => [...document.querySelectorAll(selector)].filter(element => element.closest('table').checkVisibility()).length;
    return {
      table: count('table'), row: count('tr'), cell: count('td'),
      columnheader: count('th[scope=col]'), rowheader: count('th[scope=row]'),
    };
  },

  // Returns the open connections of the matrix and of the data, each as "FROM > TO".
  connections() {
    const data = JSON.parse(document.getElementById('data').textContent);
    const rows = [...document.querySelectorAll('.matrix tbody tr')];
    const cells = rows.flatMap((row, from) => [...row.querySelectorAll('td')].flatMap((cell, to) => (cell.querySelector('a:not(.no)') ? [from + '>' + to] : [])));
    const pairs = new Set(data.connections.map(connection => connection.from + ' > ' + connection.to));
    return { cells: cells.length, pairs: pairs.size, edges: document.querySelectorAll('svg .line').length };
  },

  // Returns whether the target of the address is seen in the window.
  target() {
    const element = document.querySelector(':target');
    if (!element) return null;
    const place = element.getBoundingClientRect();
    return { text: element.textContent, seen: element.checkVisibility() && place.bottom > 0 && place.top < innerHeight, id: element.id };
  },

  // Returns the focused element: its link, its place, and whether its focus is seen.
  focus() {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    return {
      href: element.getAttribute('href'), isCell: !!element.closest('.matrix td'), label: element.getAttribute('aria-label'),
      seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    };
  },
})
