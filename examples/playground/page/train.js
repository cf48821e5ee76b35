// train.js: loss and gradients of small networks during training, with and without shortcuts.

import {lineChart} from './chart.js';
import {button, el, perFrame} from './dom.js';
import {Engine} from './engine.js';
import {Figure, FigureRow} from './figure.js';
import {heatMap} from './map.js';
import {layersOf, metricOf} from './result.js';
import {armNames, phrase} from './style.js';
import {number, power, sentence} from './words.js';
import {View} from './view.js';

const FLOOR = -20; // powers of ten: what is smaller is drawn like this

export class Train extends View {
    constructor(page) {
        super(page, {
            title: 'What happens during training?',
            intro: 'The networks start from the same weights and train on the same data: four new rows of text, or rows to copy, at every step. '
                   + 'Above: the loss. Below: the gradient of every layer at every step; dark means no gradient.',
        });
        this.startButton = button('Train', () => this.train(), {class: 'primary'});
        this.loss = new Figure('loss', 'Loss');
        this.maps = new FigureRow('gradient-by-step');
        this.figures.append(el('div.row', this.startButton), this.loss.node, this.maps.node);
        this.redrawSoon = perFrame(() => this.draw());
        this.figures.classList.remove('empty');
        this.arrived = [];
        this.engines = [this.page.engine];
    }

    // Settings change; training waits for the button.
    follow() {
        this.figures.classList.toggle('stale', this.arrived.length > 0);
        this.loss.node.hidden = this.arrived.length === 0;
        if (!this.busy) {
            this.conclude(this.arrived.length > 0 ? 'The settings have changed: train again.'
                                                  : 'Which networks will learn, and what happens to their gradients? Press Train.');
        }
    }

    async train() {
        this.stop();
        this.figures.classList.remove('stale');
        this.arrived = this.state.rules.map(() => []);
        this.shown = structuredClone(this.state);
        this.loss.node.hidden = false;
        this.conclude('Watch which loss stops falling.');
        await this.start();
    }

    async run(state, progress) {
        const done = state.rules.map(() => 0);
        await Promise.all(state.rules.map((rule, arm) => this.engineOf(arm).measure({...state, rules: [rule]}, (now) => {
            done[arm] = now.done / now.n;
            progress({done: done.reduce((a, b) => a + b), n: done.length});
            this.arrived[arm][now.step] = now;
            this.redrawSoon();
        })));
        this.draw();
        [this.loss, ...this.maps.figures].forEach((figure) => figure.point(state.steps));
        this.conclude(this.words());
    }

    // One per network, so that they train in parallel.
    engineOf(arm) {
        this.engines[arm] ??= new Engine();
        return this.engines[arm];
    }

    stop() {
        if (this.busy) {
            this.engines.forEach((engine) => engine.cancel());
        }
    }

    draw() {
        const {arrived} = this;
        if (arrived.length === 0 || arrived.some((steps) => steps.length === 0)) {
            return;
        }
        const names = armNames(this.shown.rules);
        const series = arrived.map((steps) => steps.map(({loss}) => ({low: loss, median: loss, high: loss, n: 1})));
        this.loss.show({
            alt: `Line chart: loss by step. Networks: ${names.join('; ')}.`,
            draw: (svg, width) => lineChart(svg, width, {names, series, linear: true, yLabel: 'loss', xLabel: 'step', count: this.shown.steps + 1}),
            caption: 'Loss by step', unit: 'step', columns: names, count: series[0].length,
            cells: (step) => series.map((points) => number(points[step]?.median, 4)),
        });
        const logs = arrived.map((steps) => steps.map(({values}) => logsOf(values)));
        const all = logs.flat(2);
        const low = Math.max(FLOOR, Math.floor(all.reduce((a, b) => Math.min(a, b), 0)));
        const high = Math.ceil(all.reduce((a, b) => Math.max(a, b), -Infinity));
        this.maps.show(arrived.map((_, arm) => this.map(names[arm], logs[arm], [low, Math.max(high, low + 1)])));
    }

    map(name, logs, [low, high]) {
        const {word} = this;
        const cell = (step, layer) => (step < logs.length ? (logs[step][layer] - low) / (high - low) : NaN);
        return {
            title: sentence(name),
            alt: `Heat map: mean |dL/dW| by ${word} and step, ${name}.`,
            draw: (svg, width) => heatMap(svg, width, {columns: this.shown.steps + 1, rows: logs[0].length, cell, xLabel: 'step', yLabel: word,
                                                       ends: [power(low), power(high)]}),
            caption: `${sentence(name)}: mean |dL/dW| by step`, unit: 'step', columns: logs[0].map((_, layer) => `${word} ${layer}`), count: logs.length,
            cells: (step) => logs[step].map((value) => number(10 ** value)),
            describe: (step) => (logs[step] ? [`first ${word}: ${number(10 ** logs[step][0])}`, `last ${word}: ${number(10 ** logs[step].at(-1))}`]
                                            : ['not trained yet']),
        };
    }

    words() {
        const names = armNames(this.shown.rules);
        const parts = names.map((name, arm) => {
            const steps = this.arrived[arm];
            return `${phrase(name)}, the loss went from ${number(steps[0].loss)} to ${number(steps.at(-1).loss)}, and the first ${this.word}'s gradient from `
                   + `${number(metricOf(steps[0].values, 0, 'weight'))} to ${number(metricOf(steps.at(-1).values, 0, 'weight'))}`;
        });
        return `After ${this.shown.steps} steps: ${parts.join('; ')}.`;
    }
}

function logsOf(values) {
    return Array.from({length: layersOf(values)}, (_, layer) => Math.log10(metricOf(values, layer, 'weight') + 1e-45));
}
