// arms.js: the compared networks, up to four: a rule each, as a box with its formula.

import {select} from 'd3-selection';
import {button, chooser, el, fill} from './dom.js';
import {formula, tex} from './formula.js';
import {RuleBox} from './rule_box.js';
import {MOST_ARMS} from './state.js';
import {armNames, swatch} from './style.js';

// Norms with and without shortcuts, as --norm names them.
const pairs = {pre: ['none', 'pre'], post: ['none-post', 'post'], none: ['none-plain', 'plain']};
const next = ['pre', 'rezero', 'forward-only', 'backward-only', 'post', 'keel'];

export class Arms {
    // change(rules): called with new rules, which the engine has not seen yet. most: 1 for views of one network.
    constructor({state, rules, change, most = MOST_ARMS}) {
        this.state = state;
        this.table = rules;
        this.change = change;
        this.most = most;
        this.node = el('section.arms', {'aria-label': 'Networks compared'});
        this.build();
    }

    build() {
        const {rules} = this.state;
        this.boxes = rules.map((rule, i) => new RuleBox({rules: this.table, value: rule, name: this.most === 1 ? 'Rule' : `Rule ${i + 1}`,
                                                         change: (text) => this.set(i, text)}));
        this.notes = rules.map(() => el('div.arm-note'));
        this.names = armNames(rules).map((name) => el('span.arm-name', name));
        const cards = rules.map((rule, i) => {
            const picture = el('span.swatch', {'aria-hidden': 'true'});
            swatch(select(picture).append('svg').attr('width', 36).attr('height', 16), i, 1, 8);
            const others = rules.filter((_, k) => k !== i);
            const remove = button('Remove', () => this.replace(others), {class: 'quiet', 'aria-label': `Remove rule ${i + 1}`});
            const head = [this.most === 1 ? null : picture, this.names[i], others.length === 0 ? null : remove];
            return el('li.arm', el('div.arm-head', head), this.boxes[i].node, this.notes[i]);
        });
        const another = next.find((rule) => !rules.includes(rule));
        const add = rules.length >= this.most ? null : button('Add a network', () => this.replace([...rules, another]));
        fill(this.node, el('h3', this.most === 1 ? 'Residual rule' : 'Residual rules'), el('ol.arm-list', cards),
             el('div.row', add, this.normControl()));
        rules.forEach((_, i) => this.describe(i));
    }

    // In a GPT the familiar two rules come in three kinds.
    normControl() {
        const current = Object.keys(pairs).find((norm) => pairs[norm].join() === this.state.rules.join());
        if (this.state.net !== 'gpt' || this.most === 1) {
            return null;
        }
        const choices = [...(current ? [] : ['as typed']), ...Object.keys(pairs)].map((norm) => [norm, norm]);
        return el('label.norm', 'Norm ', chooser(choices, current, (norm) => this.replace(pairs[norm])));
    }

    describe(i) {
        const text = this.boxes[i].value;
        const row = this.table.find(({name}) => name === text);
        const known = this.table.find(({rule}) => rule === text);
        fill(this.notes[i], formula(tex(row?.rule ?? text)), el('p', (row ?? known)?.purpose ?? ''));
    }

    set(i, text) {
        this.describe(i);
        const rules = this.state.rules.map((rule, k) => (k === i ? text : rule));
        armNames(rules).forEach((name, k) => {
            this.names[k].textContent = name;
        });
        this.change(rules);
    }

    replace(rules) {
        this.state.rules = rules;
        this.change(rules);
        this.build();
    }

    // Shows the engine's message under the rule it refers to. Returns false if it refers to none.
    showError(message, i) {
        this.boxes.forEach((box, k) => box.showError(k === i ? message : null));
        return i !== undefined && i >= 0;
    }
}
