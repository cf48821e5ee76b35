// controls.js: the settings of a view as labeled inputs, from the table in state.js.

import {fields, limitOf, parse, settingsOf} from './state.js';
import {chooser, el, newId} from './dom.js';
import {plural} from './words.js';

// A box for a number, with a slider over typical values where there are some.
function numberControl({name, field, state, id, label, change}) {
    const [least, most] = [field.least ?? 1, limitOf(field, state.view)];
    const stops = (field.stops ?? []).filter((stop) => stop >= least && stop <= most);
    const error = el('p.error', {id: `${id}-error`, hidden: true});
    const count = field.kind === 'count' ? {type: 'number', inputmode: 'numeric', min: least, max: most, step: 1} : {type: 'text', inputmode: 'decimal'};
    const box = el('input', {...count, id, value: state[name], 'aria-describedby': error.id, oninput: () => take(box.value)});
    const slider = stops.length === 0 ? null : el('input', {type: 'range', min: 0, max: stops.length - 1, step: 1, 'aria-label': `${field.label}, typical values`, oninput: () => {
        box.value = stops[slider.value];
        take(box.value);
    }});
    const follow = (value) => {
        const above = stops.findIndex((stop) => stop >= value);
        if (slider) {
            slider.value = above < 0 ? stops.length - 1 : above;
            slider.setAttribute('aria-valuetext', plural(value, field.unit));
        }
    };
    const take = (text) => {
        const {value, error: problem} = parse(name, text, state);
        error.hidden = !problem;
        error.textContent = problem ?? '';
        box.setAttribute('aria-invalid', Boolean(problem));
        if (!problem) {
            follow(value);
            change(name, value);
        }
    };
    follow(state[name]);
    return el('div.control', label, slider, box, error);
}

function choiceControl({name, field, state, id, label, change}) {
    const pairs = field.choices.map((choice, i) => [choice, field.names?.[i] ?? choice]);
    return el('div.control.inline', label, chooser(pairs, state[name], (value) => change(name, value), {id}));
}

function switchControl({name, field, state, id, label, change}) {
    const off = field.kind === 'flag' ? '' : 'off';
    const box = el('input', {type: 'checkbox', id, checked: state[name] === 'on', onchange: () => change(name, box.checked ? 'on' : off)});
    return el('div.control.inline', box, label);
}

function textControl({name, state, id, label, change}) {
    const box = el('textarea', {id, rows: 4, maxlength: 2000, oninput: () => change(name, box.value)}, state[name]);
    return el('div.control.wide', label, box);
}

const makers = {text: textControl, count: numberControl, choice: choiceControl, switch: switchControl, flag: switchControl, number: numberControl};

// The settings that are computed with, or those that are only shown. change(name, value)
export function controls(state, change, shown = false) {
    return settingsOf(state).filter(([, field]) => Boolean(field.shown) === shown).map(([name, field]) => {
        const id = newId(name);
        return makers[field.kind]({name, field, state, id, label: el('label', {for: id}, field.label), change});
    });
}

// Two radio buttons for the network.
export function netControl(state, change) {
    const names = {mlp: 'Deep network', gpt: 'GPT'};
    const group = newId('net');
    const radios = fields.net.choices.map((net) => {
        const id = newId('net');
        const radio = el('input', {type: 'radio', name: group, id, value: net, checked: state.net === net, onchange: () => change('net', net)});
        return el('span', radio, el('label', {for: id}, names[net]));
    });
    return el('fieldset.segmented', el('legend', 'Network'), el('div.segments', radios));
}
