// step_detail.js: one operation of the walk: its formula, inputs and results.

import {el, fill} from './dom.js';
import {formula} from './formula.js';
import {matrix} from './matrix.js';
import {opOf} from './ops.js';
import {gradientAt, norm} from './tape.js';
import {number} from './words.js';

// The formulas' letters for the inputs.
function letterOf({op, inputs}, k) {
    const letters = inputs.length === 1 ? ['x'] : /^(layernorm|rmsnorm)$/.test(op) ? ['x', 'w', 'b'] : op === 'linear' ? ['x', 'W', 'b'] : ['a', 'b'];
    return letters[k] ?? `x${k + 1}`;
}

// Describes a move in one sentence.
export function explain(tape, {phase, index}) {
    const node = tape.nodes[index];
    if (phase === 'start') {
        return 'Press Next.';
    }
    if (phase === 'backward' && node.shortcut >= 0) {
        const size = number(norm(tape.tensors[node.output].grad), 3);
        return `${size} arrived. The addition passes it to both inputs: ${size} to the shortcut, ${size} to the branch.`;
    }
    const meeting = phase === 'backward' ? tape.splits.find(({tensor}) => node.inputs.includes(tensor) && tape.tensors[tensor].wholeAt === index) : null;
    if (meeting) {
        return `Here the two paths meet again: ${number(norm(meeting.skip), 3)} came by the shortcut, ${number(norm(meeting.block), 3)} by the branch; `
               + `together ${number(norm(tape.tensors[meeting.tensor].grad), 3)}.`;
    }
    return opOf(node.op).words ?? '';
}

export class StepDetail {
    constructor() {
        this.detail = el('div.detail');
        this.pointed = el('output.pointed', {'aria-live': 'polite'}, 'Point at a number, or move with the arrow keys.');
        this.node = el('section.inspect', {'aria-label': 'The operation'}, this.detail, this.pointed);
    }

    show(tape, move) {
        this.tape = tape;
        if (move.phase === 'start') {
            fill(this.detail, el('h3', 'Nothing computed yet'), el('p.muted', 'The tape is a list. Next computes its first operation.'));
            return;
        }
        const node = tape.nodes[move.index];
        const grids = move.phase === 'forward' ? this.forward(node) : this.backward(node, move.index);
        const formulas = opOf(node.op)[move.phase].split(', \\quad ').map((part) => formula(part));
        fill(this.detail, el('h3', `${node.op}, ${move.phase}`), el('div.formulas', formulas), el('div.grids', grids));
    }

    grid(title, tensor, values) {
        const {name, shape} = this.tape.tensors[tensor];
        return matrix({title, name, sizes: shape, values, point: (text) => fill(this.pointed, `${name ? `${name}: ` : ''}${text}`)});
    }

    forward(node) {
        const {tensors} = this.tape;
        const result = tensors[node.output];
        const inputs = node.inputs.map((tensor, k) => this.grid(letterOf(node, k), tensor, tensors[tensor].data));
        return [...inputs, this.grid(result.shape.length === 0 ? 'L' : 'y', node.output, result.data)];
    }

    backward(node, index) {
        const {tensors} = this.tape;
        const grids = [this.grid(tensors[node.output].shape.length === 0 ? 'dL' : 'dy', node.output, tensors[node.output].grad)];
        node.inputs.forEach((tensor, k) => {
            const now = gradientAt(this.tape, tensor, index);
            const {split, wholeAt} = tensors[tensor];
            const name = `d${letterOf(node, k)}`;
            if (now === null) {
                return;
            }
            if (split && wholeAt === index) {
                grids.push(this.grid(`${name} by the shortcut`, tensor, split.skip), this.grid(`${name} by the branch`, tensor, split.block));
            }
            grids.push(this.grid(wholeAt < index ? `${name}, until now` : name, tensor, now));
        });
        return grids;
    }
}
