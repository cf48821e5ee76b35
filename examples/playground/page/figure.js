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

function tableOf({caption, head, rows}) {
    return el('table', {},
              el('caption', {}, caption),
              el('thead', {}, el('tr', {}, head.map((name) => el('th', {scope: 'col'}, name)))),
              el('tbody', {}, rows().map((row) => el('tr', {}, row.map((cell, i) => (i === 0 ? el('th', {scope: 'row'}, cell) : el('td', {}, cell)))))));
}

// What is shown: {draw(svg, width) -> {x, indexAt, frame, count}, reader: {label, describe(index), name(index)}, table: {caption, head, rows()}, alt}
export class Figure {
    constructor(name, title, level = 3) {
        this.name = name;
        this.at = 0;
        this.svg = el('div.chart');
        this.drawing = select(this.svg).append('svg').attr('role', 'img');
        this.slider = el('input', {type: 'range', min: 0, step: 1, id: newId('read'), oninput: () => this.point(Number(this.slider.value))});
        this.readLabel = el('label', {for: this.slider.id});
        this.values = el('output.values', {for: this.slider.id, 'aria-live': 'off'});
        this.reader = el('div.reader', {}, this.readLabel, this.slider, this.values);
        this.details = el('details.data', {ontoggle: () => this.writeTable()}, el('summary', {}, 'Data table'));
        this.title = el(`h${level}`, {}, title);
        this.node = el('section.figure', {}, el('div.figure-head', {}, this.title,
                                                button('Save as SVG', () => save(`${this.name}.svg`, 'image/svg+xml', svgText(this.drawing.node())), {class: 'quiet'})),
                       this.svg, this.reader, this.details);
        this.redraw = perFrame(() => this.draw());
        new ResizeObserver(this.redraw).observe(this.svg);
        this.svg.addEventListener('pointermove', (event) => this.follow(event));
    }

    show(content) {
        this.content = content;
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
        this.reader.hidden = !this.content.reader;
        if (this.content.reader) {
            this.slider.max = this.places.count - 1;
            fill(this.readLabel, this.content.reader.label);
            this.point(Math.min(this.at, this.places.count - 1));
        }
        this.writeTable();
    }

    // Shows the values at a point, by mouse, finger or keyboard.
    point(index) {
        this.at = index;
        this.slider.value = index;
        const parts = this.content.reader.describe(index);
        this.slider.setAttribute('aria-valuetext', `${this.content.reader.name(index)}: ${parts.join('; ')}`);
        fill(this.values, el('strong', {}, this.content.reader.name(index)), parts.map((part) => el('span', {}, part)));
        const place = this.places.x(index);
        const {top, bottom} = this.places.frame;
        this.cursor.attr('x1', place).attr('x2', place).attr('y1', top).attr('y2', bottom);
    }

    follow(event) {
        if (this.places && this.content.reader) {
            const box = this.drawing.node().getBoundingClientRect();
            const index = this.places.indexAt((event.clientX - box.left) * (this.drawing.attr('width') / box.width));
            this.point(Math.max(0, Math.min(this.places.count - 1, index)));
        }
    }

    writeTable() {
        if (this.details.open && this.content) {
            const scroll = el('div.scroll', {tabindex: 0, role: 'region', 'aria-label': this.content.table.caption}, tableOf(this.content.table));
            fill(this.details, this.details.firstChild, scroll);
        }
    }
}
