// result.js: the result of an experiment as the engine returns it: quartiles over the seeds, and gradients by path length.

import {csvParse} from 'd3-dsv';
import {METRICS} from '../engine/engine.js';

const NUMBERS = 4; // low, median, high, and how many networks have the value

export const metrics = {
    weight: {label: 'Weight gradients', axis: 'mean |dL/dW|', relative: true},
    query_key: {label: 'Query and key gradients', axis: 'mean |dL/dW| of queries and keys', relative: true},
    cosine: {label: 'Similarity of the tokens', axis: 'mean cosine between tokens (1: all the same)', linear: true},
};

export class Result {
    // What the engine answers. values: (arm, step, layer, metric, plain and then relative to the last layer, NUMBERS)
    constructor(answer) {
        Object.assign(this, answer);
    }

    at(arm, layer, metric, relative = false, step = 0) {
        const row = (arm * (this.n_steps + 1) + step) * this.n_layer + layer;
        const start = (row * 2 * METRICS.length + (relative ? METRICS.length : 0) + METRICS.indexOf(metric)) * NUMBERS;
        const [low, median, high, n] = this.values.subarray(start, start + NUMBERS);
        return {low, median, high, n};
    }

    layers(arm, metric, relative, step) {
        return Array.from({length: this.n_layer}, (_, layer) => this.at(arm, layer, metric, relative, step));
    }
}

// Of one measurement, as a training run reports it: values (layer, metric).
export function metricOf(row, layer, metric) {
    return row[layer * METRICS.length + METRICS.indexOf(metric)];
}

export function layersOf(row) {
    return row.length / METRICS.length;
}

// Per arm: names of the sublayers, and the size (L2) of the gradient at the start of each by the number of sublayers passed:
// norm[sublayer][length]. From the CSV of --probe paths, of one seed.
export function pathsOf(text, arms) {
    const paths = Array.from({length: arms}, () => ({names: [], norm: []}));
    for (const {run, name, index, value} of csvParse(text).filter(({kind}) => kind === 'path_norm')) {
        const {names, norm} = paths[run];
        if (names.at(-1) !== name) {
            names.push(name);
            norm.push([]);
        }
        norm.at(-1)[index] = Number(value);
    }
    return paths;
}
