// figure.js: a chart with a slider that reads it point by point, a table of its values, and saving.

import {select} from 'd3-selection';
import {color} from './style.js';
import {button, el, fill, newId, perFrame} from './dom.js';

export function save(name, type, text) {
    const address = URL.createObjectURL(new Blob([text], {type}));
    el('a', {href: address, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function svgText(node) {
    const copy = node.cloneNode(true);
    const box = node.viewBox.baseVal;
    copy.querySelectorAll('.cursor').forEach((cursor) => cursor.remove());
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    copy.removeAttribute('aria-hidden');
    const page = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    page.setAttribute('width', box.width);
    page.setAttribute('height', box.height);
    page.setAttribute('fill', color('surface'));
    copy.prepend(page);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

// What is shown: {title: other than the constructor's, alt, draw(svg, width) -> {x, indexAt, frame, count}}, and its values for the reader and the
// table: {caption, unit: 'step', columns: names, count: of rows, cells(row): texts, rowNames: other than 0, 1, ..., describe(row): other than
// names and texts}
export class Figure {
    constructor(name, title = '') {
        this.name = name;
        this.at = 0;
        this.svg = el('div.chart');
        this.drawing = select(this.svg).append('svg').attr('role', 'img');
        this.slider = el('input', {type: 'range', min: 0, step: 1, id: newId('read'), oninput: () => this.point(Number(this.slider.value))});
        this.readLabel = el('label', {for: this.slider.id});
        this.values = el('output.values', {for: this.slider.id, 'aria-live': 'off'});
        this.reader = el('div.reader', this.readLabel, this.slider, this.values);
        this.details = el('details.data', {ontoggle: () => this.writeTable()}, el('summary', 'Data table'));
        this.title = el('h3', title);
        this.node = el('section.figure', el('div.figure-head', this.title,
                                                button('Save as SVG', () => save(`${this.name}.svg`, 'image/svg+xml', svgText(this.drawing.node())), {class: 'quiet'})),
                       this.svg, this.reader, this.details);
        this.redraw = perFrame(() => this.draw());
        new ResizeObserver(this.redraw).observe(this.svg);
        this.svg.addEventListener('pointermove', (event) => this.follow(event));
    }

    show(content) {
        this.content = content;
        this.title.textContent = content.title ?? this.title.textContent;
        this.draw();
    }

    draw() {
        const width = this.svg.clientWidth;
        if (!this.content || width === 0) {
            return;
        }
        this.drawing.attr('aria-label', this.content.alt);
        if (performance.getEntriesByName('first-plot').length === 0) {
            performance.mark('first-plot');
        }
        this.places = this.content.draw(this.drawing, width);
        this.cursor = this.drawing.append('line').attr('class', 'cursor').attr('stroke', color('ink')).attr('stroke-dasharray', '2 2');
        this.slider.max = this.places.count - 1;
        fill(this.readLabel, `Read a ${this.content.unit}`);
        this.point(this.at);
        this.writeTable();
    }

    // Shows the values at a point, by mouse, finger or keyboard.
    point(index) {
        if (!this.places) {
            return;
        }
        const {unit, columns, cells, rowNames} = this.content;
        this.at = Math.max(0, Math.min(this.places.count - 1, index));
        this.slider.value = this.at;
        const name = rowNames?.[this.at] ?? `${unit} ${this.at}`;
        const parts = this.content.describe?.(this.at) ?? cells(this.at).map((cell, k) => `${columns[k]}: ${cell}`);
        this.slider.setAttribute('aria-valuetext', `${name}: ${parts.join('; ')}`);
        fill(this.values, el('strong', name), parts.map((part) => el('span', part)));
        const place = this.places.x(this.at);
        const {top, bottom} = this.places.frame;
        this.cursor.attr('x1', place).attr('x2', place).attr('y1', top).attr('y2', bottom);
    }

    follow(event) {
        const box = this.drawing.node().getBoundingClientRect();
        this.point(this.places?.indexAt((event.clientX - box.left) * (this.drawing.attr('width') / box.width)));
    }

    writeTable() {
        if (!this.details.open || !this.content) {
            return;
        }
        const {caption, unit, columns, count, cells, rowNames} = this.content;
        const head = [unit, ...columns].map((name) => el('th', {scope: 'col'}, name));
        const rows = Array.from({length: count}, (_, i) => el('tr', el('th', {scope: 'row'}, rowNames?.[i] ?? i), cells(i).map((cell) => el('td', cell))));
        const table = el('table', el('caption', caption), el('thead', el('tr', head)), el('tbody', rows));
        fill(this.details, this.details.firstChild, el('div.scroll', {tabindex: 0, role: 'region', 'aria-label': caption}, table));
    }
}

// Figures of the same kind side by side, one for each network.
export class FigureRow {
    constructor(name) {
        this.name = name;
        this.figures = [];
        this.node = el('div.pair');
    }

    show(contents) {
        while (this.figures.length < contents.length) {
            this.figures.push(new Figure(`${this.name}-${this.figures.length + 1}`));
        }
        if (this.node.children.length !== contents.length) {
            fill(this.node, this.figures.slice(0, contents.length).map(({node}) => node));
        }
        contents.forEach((content, i) => this.figures[i].show(content));
    }
}
