// step.js: one step of a small network, operation by operation: forward, then backward.

import {button, el} from './dom.js';
import {explain, StepDetail} from './step_detail.js';
import {moveAt} from './tape.js';
import {TapeList} from './tape_list.js';
import {plural} from './words.js';
import {View} from './view.js';

export class Step extends View {
    constructor(page) {
        super(page, {
            title: 'Step through forward and backward',
            intro: 'Each operation is recorded on the tape as it is computed, from top to bottom. Backward walks the same tape from bottom to top. '
                   + 'Point at any number. Dashed arcs are shortcuts; in the backward pass, the width of an arrow shows the size of the gradient.',
            most: 1,
        });
        this.position = 0;
        this.list = new TapeList((index) => this.go(this.move().phase === 'backward' ? 2 * this.tape.nodes.length - index : index + 1));
        this.detail = new StepDetail();
        this.slider = el('input', {type: 'range', min: 0, 'aria-label': 'Position of the walk', oninput: () => this.go(Number(this.slider.value))});
        this.backButton = button('← Back', () => this.go(this.position - 1));
        this.nextButton = button('Next →', () => this.go(this.position + 1), {class: 'primary'});
        const toLoss = button('To the loss', () => this.go(this.tape.nodes.length));
        const toEnd = button('To the end', () => this.go(2 * this.tape.nodes.length));
        const walk = el('div.walk', el('div.row', this.backButton, this.nextButton, toLoss, toEnd), this.slider);
        this.figures.append(walk, el('div.step', this.list.node, this.detail.node));
    }

    async run(state) {
        const wasAtEnd = this.tape && this.position === 2 * this.tape.nodes.length;
        this.tape = await this.page.engine.tape(state);
        this.list.load(this.tape);
        this.slider.max = 2 * this.tape.nodes.length;
        this.go(wasAtEnd ? 2 * this.tape.nodes.length : this.position);
    }

    redraw() {
        this.list.drawArrows();
    }

    move() {
        return moveAt(this.tape, this.position);
    }

    go(position) {
        const n = this.tape.nodes.length;
        this.position = Math.max(0, Math.min(2 * n, position));
        const move = this.move();
        this.slider.value = this.position;
        this.slider.setAttribute('aria-valuetext', this.title(move));
        this.backButton.disabled = this.position === 0;
        this.nextButton.disabled = this.position === 2 * n;
        this.list.show(this.position);
        this.detail.show(this.tape, move);
        this.conclude(this.title(move), explain(this.tape, move));
    }

    title({phase, index}) {
        const n = this.tape.nodes.length;
        if (phase === 'start') {
            return `Start: ${plural(n, 'operation')} to compute, then back again.`;
        }
        const {op, module} = this.tape.nodes[index];
        return `${phase === 'forward' ? 'Forward' : 'Backward'}, ${this.position} of ${2 * n}: ${op}${module ? ` in ${module}` : ''}`;
    }
}
