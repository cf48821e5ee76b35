// tape.js: a tape as the Step view walks it: rows of operations under the modules they belong to, and the arrows between them.

// A tape is what the engine's step() answers (engine/README.md): nodes, tensors, backward, splits. Here each tensor has besides
// grad: its whole gradient, and wholeAt: the node of the walk after which it is whole; split.
export function tapeOf(answer) {
    for (const {node, tensor, grad} of answer.backward) {
        Object.assign(answer.tensors[tensor], {grad, wholeAt: node});
    }
    const {output} = answer.nodes.at(-1);
    Object.assign(answer.tensors[output], {grad: Float32Array.of(1), wholeAt: answer.nodes.length});
    for (const split of answer.splits) {
        answer.tensors[split.tensor].split = split;
    }
    return answer;
}

// A tensor's gradient when the walk has passed a node: null if nothing has arrived yet.
export function gradientAt(tape, tensor, index) {
    const {grad, wholeAt} = tape.tensors[tensor];
    return tape.backward.findLast((arrival) => arrival.tensor === tensor && arrival.node >= index)?.grad ?? (wholeAt === tape.nodes.length ? grad : null);
}

export function norm(values) {
    return values ? Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) : NaN;
}

// The group of an operation: a layer or a block.
function groupOf({module}) {
    const match = /^((?:layers|h)\.\d+)/.exec(module);
    return match ? match[1] : null;
}

// Rows from top to bottom: of groups, {name, open, nodes: their operations}, and of operations, {index, group}, unless their group is closed.
export function rowsOf(tape, collapsed) {
    const rows = [];
    let current = null;
    tape.nodes.forEach((node, index) => {
        const group = groupOf(node);
        if (group !== null && group !== current?.name) {
            current = {name: group, open: !collapsed.has(group), nodes: []};
            rows.push(current);
        } else if (group === null) {
            current = null;
        }
        current?.nodes.push(index);
        if (current?.open !== false) {
            rows.push({index, group});
        }
    });
    return rows;
}

// Which row shows an operation: its own, or its closed group's.
export function rowOfNode(rows, index) {
    return rows.findIndex((row) => row.index === index || (row.open === false && row.nodes.includes(index)));
}

// Arrows between rows: {from, to, tensor, shortcut}; what stays inside a collapsed group is left out.
export function arrowsOf(tape, rows) {
    const arrows = [];
    tape.nodes.forEach((node, index) => {
        node.inputs.forEach((tensor, k) => {
            const from = tape.tensors[tensor].node;
            const to = rowOfNode(rows, index);
            const start = from < 0 ? -1 : rowOfNode(rows, from);
            if (start !== to && (start >= 0 || node.shortcut === k)) {
                arrows.push({from: start, to, tensor, shortcut: node.shortcut === k, source: from, target: index});
            }
        });
    });
    return arrows;
}

// Moves: operations forward, then backward. {phase: 'start' | 'forward' | 'backward', index}
export function moveAt(tape, position) {
    const n = tape.nodes.length;
    return position === 0 ? {phase: 'start', index: -1} : position <= n ? {phase: 'forward', index: position - 1} : {phase: 'backward', index: 2 * n - position};
}

// Has the walk computed this tensor's value by now?
export function isKnown(tape, tensor, move) {
    return tape.tensors[tensor].node < 0 || move.phase === 'backward' || tape.tensors[tensor].node <= move.index;
}

// Has everything arrived at this tensor by now?
export function hasGradient(tape, tensor, move) {
    return move.phase === 'backward' && tape.tensors[tensor].wholeAt >= move.index;
}
