// controls.js: the settings of a view as labeled inputs, from the table in state.js.

import {fields, limitOf, parse, settingsOf} from './state.js';
import {el, newId} from './dom.js';
import {plural} from './words.js';

// A slider over typical values, with a box for any other.
function countControl(name, field, state, change) {
    const stops = (field.stops ?? []).filter((stop) => stop <= limitOf(field, state.view) && stop >= (field.least ?? 1));
    const id = newId(name);
    const error = el('p.error', {id: `${id}-error`, hidden: true});
    const box = el('input', {type: 'number', id, min: field.least ?? 1, max: limitOf(field, state.view), step: 1, value: state[name],
                             inputmode: 'numeric', 'aria-describedby': error.id});
    const slider = el('input', {type: 'range', min: 0, max: stops.length - 1, step: 1, 'aria-label': `${field.label}, slider`});
    const follow = (value) => {
        const above = stops.findIndex((stop) => stop >= value);
        slider.value = above < 0 ? stops.length - 1 : above;
        slider.setAttribute('aria-valuetext', field.unit ? plural(value, field.unit) : String(value));
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
    slider.addEventListener('input', () => {
        box.value = stops[slider.value];
        take(box.value);
    });
    box.addEventListener('input', () => take(box.value));
    follow(state[name]);
    return el('div.control', {}, el('label', {for: id}, field.label), stops.length > 0 ? slider : null, box, error);
}

function choiceControl(name, field, state, change) {
    const id = newId(name);
    const select = el('select', {id, onchange: () => change(name, select.value)},
                      field.choices.map((choice) => el('option', {value: choice, selected: state[name] === choice}, choice)));
    return el('div.control.inline', {}, el('label', {for: id}, field.label), select);
}

function switchControl(name, field, state, change) {
    const id = newId(name);
    const off = field.kind === 'flag' ? '' : 'off';
    const box = el('input', {type: 'checkbox', id, checked: state[name] === 'on', onchange: () => change(name, box.checked ? 'on' : off)});
    return el('div.control.inline.check', {}, box, el('label', {for: id}, field.label));
}

function numberControl(name, field, state, change) {
    const id = newId(name);
    const error = el('p.error', {id: `${id}-error`, hidden: true});
    const box = el('input', {type: 'text', inputmode: 'decimal', id, value: state[name], 'aria-describedby': error.id, oninput: () => {
        const {value, error: problem} = parse(name, box.value, state);
        error.hidden = !problem;
        error.textContent = problem ?? '';
        box.setAttribute('aria-invalid', Boolean(problem));
        if (!problem) {
            change(name, value);
        }
    }});
    return el('div.control', {}, el('label', {for: id}, field.label), box, error);
}

function textControl(name, field, state, change) {
    const id = newId(name);
    const box = el('textarea', {id, rows: 4, maxlength: 2000, oninput: () => change(name, box.value)});
    box.value = state[name];
    return el('div.control.wide', {}, el('label', {for: id}, field.label), box);
}

const makers = {text: textControl, count: countControl, choice: choiceControl, switch: switchControl, flag: switchControl, number: numberControl};

// Two radio buttons for the network, then its settings. change(name, value)
export function controls(state, change) {
    const group = newId('net');
    const names = {mlp: 'Deep network', gpt: 'GPT'};
    const radios = fields.net.choices.map((net) => {
        const id = newId('net');
        const radio = el('input', {type: 'radio', name: group, id, value: net, checked: state.net === net, onchange: () => change('net', net)});
        return el('span', {}, radio, el('label', {for: id}, names[net]));
    });
    return [
        el('fieldset.segmented', {}, el('legend', {}, 'Network'), el('div.segments', {}, radios)),
        ...settingsOf(state).map(([name, field]) => makers[field.kind](name, field, state, change)),
    ];
}
