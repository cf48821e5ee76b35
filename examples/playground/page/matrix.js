// matrix.js: the values of a tensor as a grid of numbers, each selectable by mouse or arrow keys.

import {el} from './dom.js';
import {number, shape} from './words.js';

const MOST = 32; // rows and columns that are shown

// "[0, 2, 5]": the place of value i in a tensor of this shape.
function place(i, sizes) {
    const at = [];
    for (const size of [...sizes].reverse()) {
        at.unshift(i % size);
        i = Math.floor(i / size);
    }
    return sizes.length === 0 ? '' : `[${at.join(', ')}]`;
}

function keyMove(event, table) {
    const cell = event.target.closest('td');
    const steps = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
    if (!cell || !steps[event.key]) {
        return;
    }
    event.preventDefault();
    const [down, right] = steps[event.key];
    const next = table.rows[cell.parentNode.rowIndex + down]?.cells[cell.cellIndex + right];
    if (next) {
        cell.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
    }
}

// title: "dL/dy"; values: null if not known yet. point(text): called with the value pointed at.
export function matrix({title, name, sizes, values, point}) {
    const head = el('p.matrix-title', el('strong', title), name ? ` ${name}` : '', el('span.muted', ` ${shape(sizes)}`));
    if (!values) {
        return el('div.matrix', head, el('p.muted', 'not computed yet'));
    }
    const columns = sizes.at(-1) ?? 1;
    const rows = values.length / columns;
    const largest = values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 1e-45);
    const say = (i) => point(`${title}${place(i, sizes)} = ${number(values[i], 6)}`);
    const cell = (i) => {
        const tint = Number.isFinite(values[i]) ? Math.round(30 * Math.abs(values[i]) / largest) : 0;
        return el(`td.${values[i] < 0 ? 'minus' : 'plus'}`, {tabindex: i === 0 ? 0 : -1, style: `--tint-part: ${tint}%`,
                                                             onfocus: () => say(i), onpointerenter: () => say(i)}, number(values[i], 3));
    };
    const [shownRows, shownColumns] = [Math.min(rows, MOST), Math.min(columns, MOST)];
    const row = (r) => el('tr', Array.from({length: shownColumns}, (_, c) => cell(r * columns + c)));
    const table = el('table', {role: 'grid', 'aria-label': `${title}, ${name ?? ''} ${shape(sizes)}`, onkeydown: (event) => keyMove(event, table)},
                     el('tbody', Array.from({length: shownRows}, (_, r) => row(r))));
    const cut = rows > MOST || columns > MOST ? el('p.muted', `The first ${shownRows} × ${shownColumns} are shown.`) : null;
    return el('div.matrix', head, el('div.cells', table), cut);
}
