// flow.js: the gradient of each layer of several networks, updated as settings change.

import {el} from './dom.js';
import {lineChart} from './chart.js';
import {Figure} from './figure.js';
import {metrics} from './result.js';
import {armNames, phrase} from './style.js';
import {compared, number, plural, sentence} from './words.js';
import {View} from './view.js';

const tries = [
    ['100 layers', '#view=flow&depth=100'],
    ['a thousand layers with tanh', '#view=flow&depth=1000&width=16&seeds=5&activation=tanh'],
    ['half a shortcut', '#view=flow&residual=plain&residual=0.9*h+%2B+f(h)&residual=0.5*h+%2B+f(h)'],
    ['shortcuts for values, or for gradients', '#view=flow&residual=stop(h)+%2B+f(h)&residual=h+-+stop(h)+%2B+f(h)'],
    ['norms before or after', '#view=flow&net=gpt&n-layer=12&seeds=1&residual=pre&residual=post&residual=peri'],
    ['a GPT\u2019s tokens become alike', '#view=flow&net=gpt&n-layer=12&seeds=1&metric=cosine'],
];

export class Flow extends View {
    constructor(page) {
        super(page, {
            title: 'Does the gradient reach the first layer?',
            intro: 'Two networks with the same initial weights, one with shortcuts and one without, run forward and backward. '
                   + 'Change the depth and watch what is left of the gradient at the first layer.',
        });
        this.node.querySelector('.intro').after(el('p.tries', 'Try: ', tries.map(([text, fragment]) => el('a', {href: fragment}, text))));
        this.main = new Figure('gradient-by-layer');
        this.split = new Figure('shortcut-and-branch');
        this.figures.append(this.main.node, this.split.node);
    }

    async run(state, progress) {
        this.result = await this.page.engine.measure(state, progress);
        this.shown = state;
        this.draw();
    }

    draw() {
        if (!this.result) {
            return;
        }
        const name = this.shown.net === 'gpt' ? this.state.metric : 'weight';
        const metric = metrics[name];
        const relative = this.state.scale === 'relative' && metric.relative === true;
        const names = armNames(this.shown.rules);
        const series = names.map((_, arm) => this.result.layers(arm, name, relative));
        const axis = relative ? `${metric.axis}, relative to the last` : metric.axis;
        this.conclude(this.words(names), this.notes(names));
        this.main.show({
            title: relative ? `${metric.label}, relative to the last ${this.word}` : metric.label,
            alt: `Line chart: ${axis}, by ${this.word}. Networks: ${names.join('; ')}. ${this.finding.textContent}`,
            ...this.lines(`${axis}: median, and quartiles in parentheses`, {names, series, linear: metric.linear, yLabel: axis}),
        });
        this.drawSplit(names);
    }

    // A chart of lines by layer, and its values: medians for the reader, quartiles in the table.
    lines(caption, chart) {
        const {names, series} = chart;
        const cell = ({low, median, high, n} = {}) => (n > 1 ? `${number(median, 3)} (${number(low, 3)} to ${number(high, 3)})` : number(median, 3));
        return {
            caption, unit: this.word, columns: names, count: series[0].length,
            draw: (svg, width) => lineChart(svg, width, {...chart, xLabel: `${this.word} (the gradient comes from the right)`}),
            cells: (layer) => series.map((points) => cell(points[layer])),
            describe: (layer) => names.map((name, i) => `${name}: ${number(series[i][layer]?.median, 3)}`),
        };
    }

    // At each shortcut of the first network that has any: the gradient by the shortcut and by the branch.
    drawSplit(names) {
        const arm = this.result.shortcuts.findIndex((n) => n > 0);
        this.split.node.hidden = arm < 0;
        if (arm < 0) {
            return;
        }
        const series = ['skip', 'block'].map((metric) => this.result.layers(arm, metric));
        while (series[0].length > 1 && series.every((points) => Number.isNaN(points.at(-1).median))) {
            series.forEach((points) => points.pop());
        }
        this.split.show({
            title: `Which path did it take? (${names[arm]})`,
            alt: `Line chart: the gradient that arrived by the shortcut and by the branch, by ${this.word}, ${names[arm]}.`,
            ...this.lines('L2 norm of the gradient that arrived: median, and quartiles in parentheses',
                          {names: ['by the shortcut', 'by the branch'], styles: [2, 3], series, bands: false, yLabel: 'size (L2) of dL/dx that arrived'}),
        });
    }

    words(names) {
        const {n_layer: n} = this.result;
        if (n < 2) {
            return `A network of one ${this.word}: there is nothing to compare its gradient with.`;
        }
        const alike = this.shown.net === 'gpt' && names.length === 2 ? ` ${this.gptWords(names)}` : '';
        return names.map((name, arm) => {
            const ratio = compared(this.result.at(arm, 0, 'weight', true).median, `the last ${this.word}'s`);
            return sentence(`${phrase(name)}, ${arm === 0 ? `the first ${this.word}'s gradient` : 'it'} ${ratio}.`);
        }).join(' ') + alike;
    }

    // In a GPT, norms enlarge small values: what vanishes is the difference between tokens, and with it the gradients of queries and keys.
    gptWords(names) {
        const middle = Math.floor(this.result.n_layer / 2);
        const [first, second] = names.map((_, arm) => this.result.at(arm, middle, 'query_key').median);
        const [one, other] = names.map((_, arm) => this.result.at(arm, this.result.n_layer - 1, 'cosine').median);
        return `Halfway, the query and key gradients ${phrase(names[0])} are ${compared(first / second, `those ${phrase(names[1])}`).replace(/^is /, '')}; `
               + `after the last block, the mean cosine between tokens is ${number(one)} ${phrase(names[0])}, ${number(other)} ${phrase(names[1])} (1: all the same).`;
    }

    notes(names) {
        const seeds = this.shown.seeds;
        const parts = [seeds > 1 ? `Lines are medians of ${plural(seeds, 'network')}, bands reach from the lower to the upper quartile.`
                                 : 'One network of each kind.'];
        names.forEach((name, arm) => {
            const {n} = this.result.at(arm, 0, 'weight', true);
            if (n < seeds) {
                parts.push(`In ${seeds - n} of ${seeds} networks ${phrase(name)}, the last ${this.word}'s gradient is 0: they have no ratio.`);
            }
        });
        return parts.join(' ');
    }
}
