// tape_list.js: the tape from top to bottom as a tree of rows, with the arrows between operations beside it. Shortcuts arch further out,
// dashed; after backward an arrow is as wide as the gradient that came back along it.

import {select} from 'd3-selection';
import {color} from './style.js';
import {el, fill} from './dom.js';
import {arrowsOf, hasGradient, isKnown, moveAt, norm, rowOfNode, rowsOf} from './tape.js';
import {number, plural} from './words.js';

const LANE = 13; // pixels between arches

export class TapeList {
    // choose(index): called with the operation that was clicked or reached by keyboard.
    constructor(choose) {
        this.choose = choose;
        this.collapsed = new Set();
        this.tree = el('div.tape-rows', {role: 'tree', 'aria-label': 'Operations on the tape', onkeydown: (event) => this.key(event)});
        this.arrows = el('div.tape-arrows', {'aria-hidden': 'true'});
        this.node = el('div.tape', this.arrows, this.tree);
        new ResizeObserver(() => this.drawArrows()).observe(this.node);
    }

    // The groups other than the first and the last start collapsed, in a long tape.
    load(tape) {
        this.tape = tape;
        const groups = rowsOf(tape, new Set()).filter(({name}) => name).map(({name}) => name);
        this.collapsed = new Set(tape.nodes.length > 18 ? groups.slice(1, -1) : []);
    }

    show(position) {
        this.move = moveAt(this.tape, position);
        const rows = rowsOf(this.tape, this.collapsed);
        this.collapsed.delete(rows[rowOfNode(rows, this.move.index)]?.name);
        this.build();
    }

    build() {
        this.rows = rowsOf(this.tape, this.collapsed);
        const at = Math.max(0, rowOfNode(this.rows, this.move.index));
        this.focused = this.focused !== undefined && this.focused < this.rows.length ? this.focused : at;
        fill(this.tree, this.rows.map((row, i) => this.rowNode(row, i)));
        this.drawArrows();
        const row = this.tree.children[at];
        const box = this.node;
        if (row && (row.offsetTop < box.scrollTop || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight)) {
            box.scrollTop = row.offsetTop - box.clientHeight / 2;
        }
    }

    rowNode(row, i) {
        const focusable = {role: 'treeitem', tabindex: i === this.focused ? 0 : -1, 'aria-level': row.group ? 2 : 1};
        if (row.name) {
            const {open} = row;
            const attributes = {...focusable, 'aria-expanded': String(open), 'aria-selected': 'false', onclick: () => this.toggle(row.name, i)};
            return el('div.tape-row.tape-group', attributes, el('span.mark', {'aria-hidden': 'true'}, open ? '▾' : '▸'), el('strong', row.name),
                      el('span.muted', open ? '' : plural(row.nodes.length, 'operation')));
        }
        const node = this.tape.nodes[row.index];
        const isCurrent = row.index === this.move.index;
        const state = isCurrent ? this.move.phase : this.stateOf(row.index);
        const part = node.module.slice(row.group === null ? 0 : row.group.length + 1);
        return el(`div.tape-row.${state}${isCurrent ? '.current' : ''}${row.group === null ? '' : '.inner'}`,
                  {...focusable, 'aria-selected': String(isCurrent), onclick: () => this.choose(row.index)},
                  el('span.op', node.op === 'add' ? '+ add' : node.op), el('span.muted', part), el('span.size', this.sizes(row.index)));
    }

    stateOf(index) {
        const {phase, index: at} = this.move;
        return phase === 'backward' ? (index > at ? 'walked' : 'computed') : index < at ? 'computed' : 'waiting';
    }

    // The size of the result, and of its gradient once it is there.
    sizes(index) {
        const {output} = this.tape.nodes[index];
        const tensor = this.tape.tensors[output];
        if (!isKnown(this.tape, output, this.move)) {
            return '';
        }
        return hasGradient(this.tape, output, this.move) && tensor.grad ? `‖dy‖ ${number(norm(tensor.grad))}` : `‖y‖ ${number(norm(tensor.data))}`;
    }

    toggle(name, i) {
        this.focused = i;
        if (!this.collapsed.delete(name)) {
            this.collapsed.add(name);
        }
        this.build();
        this.tree.children[i].focus();
    }

    focus(i) {
        if (i >= 0 && i < this.rows.length) {
            this.tree.querySelector('[tabindex="0"]').tabIndex = -1;
            this.focused = i;
            this.tree.children[i].tabIndex = 0;
            this.tree.children[i].focus();
        }
    }

    key(event) {
        const i = [...this.tree.children].indexOf(event.target);
        const row = this.rows[i];
        if (!row) {
            return;
        }
        const groupAt = this.rows.findIndex(({name}) => name && name === row.group);
        const keys = {
            ArrowDown: () => this.focus(i + 1), ArrowUp: () => this.focus(i - 1), Home: () => this.focus(0), End: () => this.focus(this.rows.length - 1),
            ArrowRight: () => (row.open === false ? this.toggle(row.name, i) : this.focus(i + 1)),
            ArrowLeft: () => (row.open ? this.toggle(row.name, i) : this.focus(groupAt)),
            Enter: () => this.act(row, i), ' ': () => this.act(row, i),
        };
        if (keys[event.key]) {
            event.preventDefault();
            keys[event.key]();
        }
    }

    act(row, i) {
        if (row.name) {
            this.toggle(row.name, i);
        } else {
            this.choose(row.index);
            this.focus(i);
        }
    }

    // Arrows between neighbors are straight; others arch on the left, each in the innermost free lane.
    drawArrows() {
        if (!this.rows || this.tree.children.length === 0) {
            return;
        }
        const middle = (i) => (i < 0 ? 4 : this.tree.children[i].offsetTop + this.tree.children[i].offsetHeight / 2);
        const width = this.arrows.clientWidth;
        const svg = select(this.arrows).selectAll('svg').data([0]).join('svg').attr('width', width).attr('height', this.tree.offsetHeight + 8);
        svg.selectAll('*').remove();
        const lanes = [];
        const arrows = arrowsOf(this.tape, this.rows).sort((a, b) => Number(a.shortcut) - Number(b.shortcut) || (a.to - a.from) - (b.to - b.from));
        for (const arrow of arrows) {
            const between = this.rows.slice(arrow.from + 1, arrow.to).some(({index}) => index !== undefined) || arrow.to - arrow.from > 2;
            let lane = between || arrow.shortcut ? 1 : 0;
            while (lane > 0 && (lanes[lane] ?? []).some((other) => other.from < arrow.to && arrow.from < other.to)) {
                lane++;
            }
            (lanes[lane] ??= []).push(arrow);
            this.drawArrow(svg, arrow, middle(arrow.from), middle(arrow.to), width, Math.min(lane * LANE + (arrow.shortcut ? 8 : 0), width - 16));
        }
    }

    drawArrow(svg, arrow, y0, y1, width, out) {
        const known = arrow.source < 0 || isKnown(this.tape, arrow.tensor, this.move);
        const walked = this.move.phase === 'backward' && arrow.target >= this.move.index;
        const grad = this.tape.tensors[this.tape.nodes[arrow.target].output].grad;
        const size = walked && grad ? Math.max(1.5, Math.min(8, 7 + 1.2 * Math.log10(norm(grad) + 1e-30))) : 1.5;
        const x = width - 8;
        const end = walked ? y0 + 3 : y1 - 3;
        const path = `M${x},${y0 + 3}C${x - out * 1.34},${y0 + 3} ${x - out * 1.34},${y1 - 3} ${x},${y1 - 3}`;
        const ink = arrow.shortcut ? color('shortcut') : known ? color('ink') : color('axis');
        const head = walked ? `M${x - 4},${end + 6}l4,-6l4,6z` : `M${x - 4},${end - 6}l4,6l4,-6z`;
        const both = svg.append('g').attr('opacity', known ? 1 : 0.35);
        both.append('path').attr('d', path).attr('fill', 'none').attr('stroke', ink).attr('stroke-width', size)
            .attr('stroke-dasharray', arrow.shortcut ? '7 3' : null);
        both.append('path').attr('d', head).attr('fill', ink);
    }
}
