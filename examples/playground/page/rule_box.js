// rule_box.js: a box for a residual rule: free text, with the table of rules as suggestions (a combobox, WAI-ARIA 1.2), and the
// engine's error under the column where it occurred.

import {el, fill, newId} from './dom.js';

// "column 9: unknown name 'g' (...)": the place as a number, or null.
function columnOf(message) {
    const match = /column (\d+)/.exec(message);
    return match ? Number(match[1]) : null;
}

export class RuleBox {
    // rules: the table; change(text): called with each new rule. name: for labels, "Rule 1".
    constructor({rules, value, name, change}) {
        this.rules = rules;
        this.change = change;
        this.active = -1;
        const id = newId('rule');
        this.input = el('input.rule', {type: 'text', id, role: 'combobox', 'aria-expanded': 'false', 'aria-controls': `${id}-list`, 'aria-autocomplete': 'list',
                                       'aria-describedby': `${id}-error`, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', value,
                                       oninput: () => this.typed(), onkeydown: (event) => this.key(event), onfocus: () => this.input.select(),
                                       onclick: () => this.open(''), onblur: () => setTimeout(() => this.close(), 150)});
        this.list = el('ul.options', {id: `${id}-list`, role: 'listbox', 'aria-label': 'Rules', hidden: true});
        this.error = el('div.rule-error', {id: `${id}-error`, hidden: true});
        this.node = el('div.rule-box', el('label', {for: id}, name), el('div.rule-field', this.input, this.list), this.error);
    }

    get value() {
        return this.input.value.trim();
    }

    // message: null for none. The caret line is for the eye; the message names the column.
    showError(message) {
        this.error.hidden = message === null;
        this.input.setAttribute('aria-invalid', message !== null);
        if (message === null) {
            return;
        }
        const column = columnOf(message);
        const lead = this.input.value.length - this.input.value.trimStart().length;
        fill(this.error, column === null ? null : el('pre', {'aria-hidden': 'true'}, `${this.input.value.slice(lead)}\n${' '.repeat(Math.max(0, column - 1))}^`),
             el('p.error', message.replace(/^.*--residual: /, '')));
    }

    typed() {
        this.open(this.input.value);
        this.change(this.value);
    }

    matches(text) {
        const wanted = text.trim().toLowerCase();
        return this.rules.filter(({name, rule, purpose}) => wanted === '' || name.includes(wanted) || rule.toLowerCase().includes(wanted)
                                                            || purpose.toLowerCase().includes(wanted));
    }

    open(text) {
        this.offer(this.matches(text));
    }

    close() {
        this.offer([]);
    }

    // Lists rules below the box.
    offer(found) {
        this.found = found;
        fill(this.list, found.map((row, i) => el('li', {id: `${this.list.id}-${i}`, role: 'option', onpointerdown: (event) => {
            event.preventDefault();
            this.choose(row);
        }}, el('span.option-head', el('strong', row.name), el('code', row.rule)), el('span.option-note', row.purpose))));
        this.list.hidden = found.length === 0;
        this.input.setAttribute('aria-expanded', !this.list.hidden);
        this.activate(-1);
    }

    // index: of an option; -1: none.
    activate(index) {
        this.active = index;
        [...this.list.children].forEach((option, i) => option.setAttribute('aria-selected', i === index));
        this.list.children[index]?.scrollIntoView({block: 'nearest'});
        this.input.setAttribute('aria-activedescendant', this.list.children[index]?.id ?? '');
    }

    choose(row) {
        this.input.value = row.name;
        this.close();
        this.change(row.name);
    }

    move(step) {
        if (this.list.hidden) {
            this.open('');
        }
        const n = this.found.length;
        this.activate(this.active < 0 ? (step > 0 ? 0 : n - 1) : (this.active + step + n) % n);
    }

    key(event) {
        const keys = {ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1), Escape: () => this.close(),
                      Enter: () => (this.active >= 0 ? this.choose(this.found[this.active]) : this.close())};
        if (keys[event.key]) {
            keys[event.key]();
            event.preventDefault();
        }
    }
}
