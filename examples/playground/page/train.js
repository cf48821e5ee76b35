// train.js: loss and gradients of small networks during training, with and without shortcuts.

import {lineChart} from './chart.js';
import {button, el, fill, perFrame} from './dom.js';
import {Engine} from './engine.js';
import {Figure} from './figure.js';
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
        this.maps = el('div.pair', {});
        this.figures.append(el('div.row', {}, this.startButton), this.loss.node, this.maps);
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
        this.figuresOf = this.state.rules.map((_, i) => this.figuresOf?.[i] ?? new Figure(`gradient-by-step-${i + 1}`, ''));
        this.loss.node.hidden = false;
        fill(this.maps, this.figuresOf.map(({node}) => node));
        this.conclude('Training: watch which loss stops falling.');
        await super.follow();
    }

    async run(state, progress) {
        const done = state.rules.map(() => 0);
        await Promise.all(state.rules.map((rule, arm) => this.engineOf(arm).measure({...state, rules: [rule]}, (now) => {
            done[arm] = now.done / now.n;
            progress({done: done.reduce((a, b) => a + b), n: done.length});
            this.arrived[arm][now.step] = now;
            this.redrawSoon();
        })));
        [this.loss, ...this.figuresOf].forEach((figure) => {
            figure.at = state.steps;
        });
        this.draw();
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
            alt: `Line chart: loss by step, for ${names.join(' and ')}.`,
            draw: (svg, width) => lineChart(svg, width, {names, series, linear: true, yLabel: 'loss', xLabel: 'step', count: this.shown.steps + 1}),
            reader: {label: 'Read a step', name: (i) => `step ${i}`, describe: (i) => names.map((name, arm) => `${name}: ${number(series[arm][i]?.median, 3)}`)},
            table: {caption: 'Loss by step', head: ['step', ...names], rows: () => series[0].map((_, i) => [i, ...series.map((points) => number(points[i]?.median, 4))])},
        });
        const logs = arrived.map((steps) => steps.map(({values}) => logsOf(values)));
        const all = logs.flat(2);
        const low = Math.max(FLOOR, Math.floor(all.reduce((a, b) => Math.min(a, b), 0)));
        const high = Math.ceil(all.reduce((a, b) => Math.max(a, b), -Infinity));
        arrived.forEach((_, arm) => this.drawMap(names[arm], logs[arm], [low, Math.max(high, low + 1)], this.figuresOf[arm]));
    }

    drawMap(name, logs, [low, high], figure) {
        const layers = logs[0].length;
        const cell = (step, layer) => (step < logs.length ? (Math.max(low, logs[step][layer]) - low) / (high - low) : NaN);
        const word = this.shown.net === 'mlp' ? 'layer' : 'block';
        figure.title.textContent = sentence(name);
        figure.show({
            alt: `Heat map: mean |dL/dW| by ${word} and step, ${name}.`,
            draw: (svg, width) => heatMap(svg, width, {columns: this.shown.steps + 1, rows: layers, cell, xLabel: 'step', yLabel: word, ends: [power(low), power(high)]}),
            reader: {label: 'Read a step', name: (i) => `step ${i}`,
                     describe: (i) => (logs[i] ? [`first ${word}: ${number(10 ** logs[i][0])}`, `last ${word}: ${number(10 ** logs[i].at(-1))}`] : ['not trained yet'])},
            table: {caption: `${sentence(name)}: mean |dL/dW| by step`, head: ['step', ...logs[0].map((_, layer) => `${word} ${layer}`)],
                    rows: () => logs.map((row, step) => [step, ...row.map((value) => number(10 ** value))])},
        });
    }

    words() {
        const names = armNames(this.shown.rules);
        const word = this.shown.net === 'mlp' ? 'layer' : 'block';
        const parts = names.map((name, arm) => {
            const steps = this.arrived[arm];
            return `${phrase(name)}, the loss went from ${number(steps[0].loss)} to ${number(steps.at(-1).loss)}, and the first ${word}'s gradient from `
                   + `${number(metricOf(steps[0].values, 0, 'weight'))} to ${number(metricOf(steps.at(-1).values, 0, 'weight'))}`;
        });
        return `After ${this.shown.steps} steps: ${parts.join('; ')}.`;
    }
}

function logsOf(values) {
    return Array.from({length: layersOf(values)}, (_, layer) => Math.log10(metricOf(values, layer, 'weight') + 1e-45));
}
