// paths.js: the gradient by path length: how many layers did it pass on its way back?

import {Figure, FigureRow} from './figure.js';
import {barChart, heatMap} from './map.js';
import {armNames, phrase} from './style.js';
import {number, sentence} from './words.js';
import {View} from './view.js';

// The shares of the lengths 0, 1, ... in the gradient that arrives at sublayer s.
function sharesOf({norm}, s) {
    const sum = norm[s].reduce((a, b) => a + b, 0);
    return norm[0].map((_, k) => (norm[s][k] ?? 0) / sum);
}

const mean = (shares) => shares.reduce((sum, share, k) => sum + share * k, 0);

// The median length.
function middle(shares) {
    let sum = 0;
    return shares.findIndex((share) => {
        sum += share;
        return sum >= 0.5;
    });
}

const percent = (share) => `${number(100 * share)} %`;

export class Paths extends View {
    constructor(page) {
        super(page, {
            title: 'Which paths did the gradient take?',
            intro: 'At each shortcut the gradient splits: part goes past the layer, part through it. It arrives at the input along many paths; '
                   + 'a path\u2019s length is the number of layers it passes through. This view splits the gradient by length, exactly: nothing is sampled.',
        });
        this.bars = new Figure('paths-at-the-input', 'What arrives at the input, by path length');
        this.maps = new FigureRow('paths-by-layer');
        this.figures.append(this.bars.node, this.maps.node);
    }

    async run(state) {
        this.paths = await this.page.engine.paths(state);
        this.shown = state;
        this.draw();
    }

    get word() {
        return this.shown.net === 'mlp' ? 'layer' : 'sublayer';
    }

    draw() {
        if (!this.paths) {
            return;
        }
        const names = armNames(this.shown.rules);
        const atInput = this.paths.map((arm) => sharesOf(arm, 0));
        this.bars.show({
            alt: `Bars: the share of each path length in the gradient at the input. Networks: ${names.join('; ')}.`,
            draw: (svg, width) => barChart(svg, width, {names, series: atInput, xLabel: `path length: ${this.word}s passed`, yLabel: 'share of the gradient'}),
            caption: 'Share of each path length in the gradient at the input', unit: 'length', columns: names, count: atInput[0].length,
            cells: (k) => atInput.map((shares) => percent(shares[k] ?? 0)),
        });
        this.maps.show(this.paths.map((arm, i) => this.map(arm, names[i])));
        this.conclude(this.words(names, atInput), this.notes());
    }

    map(arm, name) {
        const n = arm.names.length;
        const shares = Array.from({length: n}, (_, s) => sharesOf(arm, s));
        const most = Math.max(...shares.flat().filter(Number.isFinite));
        return {
            title: sentence(name),
            alt: `Heat map: the share of each path length at each ${this.word}, ${name}.`,
            draw: (svg, width) => heatMap(svg, width, {columns: n, rows: n + 1, cell: (s, k) => (k > n - s ? NaN : shares[s][k] / most),
                                                       xLabel: `${this.word} where it arrives`, yLabel: 'path length', ends: ['0 %', percent(most)]}),
            caption: `${sentence(name)}: share of each path length, by ${this.word}`, unit: this.word, rowNames: arm.names,
            columns: shares[0].map((_, k) => `length ${k}`), count: n,
            cells: (s) => shares[s].map((share, k) => (k > n - s ? '' : percent(share))),
            describe: (s) => {
                const likeliest = shares[s].indexOf(Math.max(...shares[s]));
                return [`mean length ${number(mean(shares[s]), 3)} of at most ${n - s}`, `most by length ${likeliest}: ${percent(shares[s][likeliest])}`];
            },
        };
    }

    meanAtInput(arm) {
        return mean(sharesOf(this.paths[arm], 0));
    }

    words(names, atInput) {
        const n = this.paths[0].names.length;
        return names.map((name, arm) => {
            const shares = atInput[arm];
            if (shares.some(Number.isNaN)) {
                return sentence(`${phrase(name)}, no gradient reaches the input.`);
            }
            if (shares[n] > 0.9995) {
                return sentence(`${phrase(name)}, all of the gradient passed all ${n} ${this.word}s.`);
            }
            if (shares[0] >= 0.5) {
                return sentence(`${phrase(name)}, ${percent(shares[0])} of it passed no ${this.word}: it came by shortcuts alone.`);
            }
            return sentence(`${phrase(name)}, half of it took paths of at most ${middle(shares)} of ${n} ${this.word}s; the mean length is ${number(mean(shares), 3)}.`);
        }).join(' ');
    }

    notes() {
        return `One network of each kind, with the same initial weights. A length's share is its size (L2) over the sum of all lengths' sizes; `
               + `as vectors, all lengths add up to the ordinary gradient.${this.shown.net === 'mlp' ? ' The last layer has a different size and no shortcut.' : ''}`;
    }
}
