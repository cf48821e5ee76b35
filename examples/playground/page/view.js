// view.js: the base of all views: controls, rules, a conclusion in words, figures, and a run that follows the settings.

import {announce, button, el, fill} from './dom.js';
import {Arms} from './arms.js';
import {controls, netControl} from './controls.js';
import {save} from './figure.js';
import {defaults, fields, toCommand} from './state.js';

const SLOW = 300; // milliseconds, after which a run shows that it is running

export class View {
    // page: {engine, rules (the table), changed(state): the address follows}
    constructor(page, {title, intro, most}) {
        this.page = page;
        this.most = most;
        this.finding = el('p.finding', {id: 'finding'});
        this.note = el('p.note');
        this.error = el('p.error.run-error', {hidden: true});
        this.bar = el('progress', {'aria-label': 'Progress', max: 1});
        this.stopButton = button('Stop', () => this.stop());
        this.running = el('div.running', {hidden: true}, this.bar, this.stopButton);
        this.settings = el('div.settings');
        this.rules = el('div');
        this.command = el('code');
        this.choices = el('div.row.choices');
        this.figures = el('div.figures.empty', this.choices);
        const panel = el('aside.panel', {'aria-label': 'Settings'}, el('h3', 'Settings'), this.settings, this.rules, this.shareNode());
        this.node = el('div.view', el('header.view-head', el('h2', {tabindex: -1}, title), el('p.intro', intro)),
                       el('div.result', this.finding, this.note, this.error, this.running, this.figures), panel);
    }

    shareNode() {
        return el('section.share', el('h3', 'Reproduce or save'),
                  el('pre.command', {tabindex: 0, role: 'region', 'aria-label': 'The same as a command'}, this.command),
                  el('div.row', button('Copy as command', () => this.copy(toCommand(this.state), 'The command')),
                     button('Download CSV', async () => save('gradflow.csv', 'text/csv', await this.page.engine.table(this.state))),
                     button('Copy link', () => this.copy(location.href, 'The link'))));
    }

    async copy(text, name) {
        try {
            await navigator.clipboard.writeText(text);
            this.page.notify(`${name} was copied.`);
        } catch {
            this.page.notify(`This browser does not allow copying. ${name}: ${text}`);
        }
    }

    open(state) {
        this.state = state;
        this.build();
        this.changed();
    }

    build() {
        const set = (name, value) => this.set(name, value);
        fill(this.settings, netControl(this.state, set), controls(this.state, set));
        fill(this.choices, controls(this.state, set, true));
        this.choices.hidden = this.choices.children.length === 0;
        this.arms = new Arms({state: this.state, rules: this.page.rules, most: this.most, change: (rules) => {
            this.state.rules = rules;
            this.changed();
        }});
        fill(this.rules, this.arms.node);
    }

    set(name, value) {
        this.state[name] = value;
        if (fields[name].shown) {
            this.page.changed(this.state);
            this.draw();
            return;
        }
        if (name === 'net') {
            Object.assign(this.state, defaults(this.state.view, value));
            this.build();
            this.settings.querySelector('input:checked')?.focus();
        }
        if (name === 'task') {
            this.build();
        }
        this.changed();
    }

    get word() {
        return this.shown.net === 'mlp' ? 'layer' : 'block';
    }

    redraw() {
        this.arms?.build();
        this.draw?.();
    }

    changed() {
        fill(this.command, toCommand(this.state).split(/ (?=--)/).flatMap((part) => [el('span', part), ' ']));
        this.page.changed(this.state);
        this.follow();
    }

    follow() {
        return this.start();
    }

    setBusy(busy) {
        this.busy = busy;
        this.node.dataset.state = busy ? 'busy' : 'idle';
    }

    // Runs the latest settings, one run at a time.
    async start() {
        this.again = this.busy;
        if (this.busy) {
            if (performance.now() - this.since > SLOW) {
                this.page.engine.cancel();
            }
            return;
        }
        this.setBusy(true);
        this.since = performance.now();
        const slow = setTimeout(() => {
            this.running.hidden = false;
        }, SLOW);
        this.bar.removeAttribute('value');
        const state = structuredClone(this.state);
        try {
            await this.run(state, ({done, n}) => {
                this.bar.value = done / n;
            });
            this.succeeded();
            performance.measure('follow', {start: this.since});
        } catch (problem) {
            await this.failed(problem, state);
        } finally {
            clearTimeout(slow);
            this.running.hidden = true;
            this.setBusy(false);
        }
        if (this.again && this.node.isConnected) {
            this.start();
        }
    }

    succeeded() {
        this.error.hidden = true;
        this.figures.classList.remove('stale', 'empty');
        this.arms.showError(null);
    }

    async failed(problem, state) {
        if (problem === null) {
            this.note.textContent = this.again ? '' : 'Stopped.';
            return;
        }
        if (!(problem instanceof Error) || problem.constructor !== Error) {
            throw problem;
        }
        this.figures.classList.add('stale');
        const which = problem.message.includes('--residual') ? await this.page.engine.wrongRule(state) : -1;
        const atRule = this.arms.showError(problem.message, which);
        const text = problem.message.replace(/^gptape( \w+)?: /, '');
        this.error.hidden = atRule;
        this.error.textContent = text;
        announce(text);
    }

    // Resolves when no run is in progress.
    async settled() {
        while (this.busy) {
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }

    stop() {
        this.again = false;
        if (this.busy) {
            this.page.engine.cancel();
        }
    }

    // The conclusion: shown at once, announced to screen readers when it is stable.
    conclude(text, note = '') {
        this.finding.textContent = text;
        this.note.textContent = note;
        if (!this.page.hidden) {
            announce(`${text} ${note}`);
        }
    }
}
