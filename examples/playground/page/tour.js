// tour.js: the guided tour's panel: text, question, reveal, Back and Next. The current step is kept in the address and in the browser.

import {announce, button, el, fill, newId} from './dom.js';
import {fromFragment} from './state.js';
import {steps} from './tour_steps.js';

export class Tour {
    // page: {show(state), view(), curtain(isDown), remember(key, value), leave()}
    constructor(page) {
        this.page = page;
        this.node = document.getElementById('tour');
        this.number = 0;
    }

    // The step after the last one seen, or the first.
    resume() {
        const place = Number(this.page.remember('tour'));
        this.go(steps[place - 1] ? place : 1);
    }

    // number from 1
    go(number) {
        this.page.remember('tour', number);
        this.page.show(fromFragment(`#tour=${number}`).state);
    }

    // Called when a view has been opened with a state.
    opened(state) {
        const wanted = steps[state.tour - 1] ? state.tour : 0;
        if (wanted === this.number) {
            return;
        }
        this.number = wanted;
        this.node.hidden = wanted === 0;
        document.body.classList.toggle('touring', wanted > 0);
        this.page.curtain(wanted > 0);
        if (wanted > 0) {
            this.build(steps[wanted - 1]);
        }
    }

    build(step) {
        const group = newId('answer');
        const heading = el('h2', {tabindex: -1}, el('span.muted', `Step ${this.number} of ${steps.length}: `), step.title);
        this.reply = el('div.reply', {tabindex: -1, hidden: true});
        this.reveal = button('Reveal', () => this.show(step), {class: 'primary', disabled: true});
        this.choices = step.answers.map((answer, i) => {
            const id = newId('answer');
            const radio = el('input', {type: 'radio', id, name: group, value: i, onchange: () => {
                this.reveal.disabled = false;
            }});
            return el('div.answer', radio, el('label', {for: id}, answer));
        });
        const back = button('← Back', () => this.go(this.number - 1), {disabled: this.number === 1});
        const last = this.number === steps.length;
        this.next = button(last ? 'End the tour' : 'Next step →', () => (last ? this.finish() : this.go(this.number + 1)));
        fill(this.node, el('div.tour-text', heading, el('p', step.text)),
             el('fieldset.question', el('legend', step.question), this.choices),
             this.reply,
             el('div.row.tour-buttons', back, this.reveal, this.next, button('Leave the tour', () => this.page.leave(), {class: 'quiet'})));
        heading.focus();
    }

    finish() {
        this.page.remember('tour', 1);
        this.page.leave();
    }

    // Raises the curtain, waits for the measurement, and compares it with the prediction.
    async show(step) {
        const number = this.number;
        const view = this.page.view();
        this.reveal.disabled = true;
        this.page.curtain(false);
        if (step.start) {
            await step.start(view);
        } else {
            await view.settled();
        }
        if (step.place) {
            view.go(step.place(view));
        }
        if (this.number !== number) {
            return;
        }
        const right = step.right(view);
        const chosen = this.choices.findIndex((choice) => choice.firstChild.checked);
        this.choices.forEach((choice, i) => choice.classList.toggle('right', i === right));
        const verdict = chosen === right ? 'As you predicted.' : `Measured here: ${step.answers[right].toLowerCase()}.`;
        const text = step.after(view);
        fill(this.reply, el('p', el('strong', `${verdict} `), text));
        this.next.classList.add('primary');
        this.reveal.classList.remove('primary');
        this.reply.hidden = false;
        this.reply.focus({preventScroll: true});
        announce(`${verdict} ${text} ${view.finding.textContent}`);
    }
}
