// state.js: what the page shows, as settings named like the command line's options. The address after # holds those that differ
// from the defaults, or from the settings of its step of the tour; the command and the engine's settings string are written from the same table.

import {metrics} from './result.js';
import {steps} from './tour_steps.js';

export const views = ['flow', 'paths', 'step', 'train'];
export const MOST_ARMS = 4;

const layers = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 150, 200, 300, 500, 700, 1000];
const widths = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const activations = ['gelu', 'gelu_erf', 'relu', 'tanh', 'sigmoid', 'identity'];
const inits = ['torch', 'gpt2', 'xavier', 'kaiming', 'deepnorm', 'orthogonal'];

// One row per setting. default: by view or network where it is an object. in: the views that have it; net: the network that has it; limit: the
// most that a view shows; multiple: of that other setting; when: only if that setting has this value; options: in place of --NAME VALUE;
// names: of choices; shown: above the figures, because nothing is computed with it.
export const fields = {
    net: {kind: 'choice', label: 'Network', choices: ['mlp', 'gpt'], default: {flow: 'mlp', paths: 'mlp', step: 'mlp', train: 'gpt'}},
    depth: {kind: 'count', label: 'Depth', unit: 'layer', stops: layers, most: 1000, net: 'mlp', default: {flow: 20, paths: 12, step: 4, train: 12},
            least: 2, limit: {step: 12, paths: 100, train: 60}},
    width: {kind: 'count', label: 'Width', unit: 'value', stops: widths, most: 1024, net: 'mlp', default: 3, limit: {step: 8}},
    'n-layer': {kind: 'count', label: 'Blocks', unit: 'block', stops: [1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48], most: 48, net: 'gpt',
                default: {flow: 6, paths: 4, step: 1, train: 8}, limit: {step: 3, paths: 12, train: 16}},
    'n-embd': {kind: 'count', label: 'Width', unit: 'value', stops: [8, 16, 32, 48, 64, 96, 128], most: 256, multiple: 'n-head', net: 'gpt',
               default: {flow: 32, paths: 32, step: 8, train: 32}, limit: {step: 16}},
    'n-head': {kind: 'count', label: 'Heads', unit: 'head', stops: [1, 2, 4, 8], most: 16, net: 'gpt', default: {flow: 4, paths: 4, step: 2, train: 4}},
    length: {kind: 'count', label: 'Tokens', unit: 'token', stops: [2, 4, 8, 16, 32], most: 32, net: 'gpt', default: {flow: 16, paths: 8, step: 4, train: 16},
             limit: {step: 8}, options: (state) => (state.view === 'train' ? [] : ['--length', String(state.length)])},
    seeds: {kind: 'count', label: 'Seeds', unit: 'network', stops: [1, 2, 3, 5, 10, 20, 30, 50, 100, 200], most: 500, in: ['flow'],
            default: {mlp: 20, gpt: 3}},
    seed: {kind: 'count', label: 'First seed', most: 4294967295, least: 0, default: 123},
    activation: {kind: 'choice', label: 'Activation', choices: activations, default: 'gelu'},
    init: {kind: 'choice', label: 'Initial weights', choices: inits, default: {mlp: 'torch', gpt: 'gpt2'}},
    'init-gain': {kind: 'number', label: 'Gain', least: 0.01, most: 100, net: 'mlp', default: 1},
    causal: {kind: 'switch', label: 'Causal mask', net: 'gpt', default: 'on'},
    'same-dy': {kind: 'flag', label: 'Same gradient at every output', in: ['flow'], default: ''},
    steps: {kind: 'count', label: 'Steps', unit: 'step', stops: [20, 50, 100, 150, 200, 300, 500], most: 1000, in: ['train'], default: 150},
    task: {kind: 'choice', label: 'Training data', choices: ['the built-in text', 'to copy', 'my text'], names: ['built-in text', 'rows to copy', 'my text'],
           net: 'gpt', in: ['train'], default: 'the built-in text', options: taskOptions},
    text: {kind: 'text', label: 'My text', net: 'gpt', in: ['train'], default: 'To be, or not to be, that is the question: ',
           when: ['task', 'my text'], options: () => []},
    lr: {kind: 'number', label: 'Learning rate', least: 1e-6, most: 1, in: ['train'], default: 0.003},
    metric: {kind: 'choice', label: 'Show', choices: Object.keys(metrics), names: Object.values(metrics).map(({label}) => label), net: 'gpt', in: ['flow'],
             default: 'weight', shown: true, options: () => []},
    scale: {kind: 'choice', label: 'Scale', choices: ['relative', 'absolute'], names: ['relative to the last layer', 'as computed'], in: ['flow'],
            default: 'relative', shown: true, options: () => []},
};

function defaultOf(field, view, net) {
    const value = field.default;
    return typeof value === 'object' ? value[net] ?? value[view] : value;
}

const defaultRules = {mlp: ['none-plain', 'plain'], gpt: ['none', 'pre']};

export function defaults(view, net = fields.net.default[view]) {
    const state = {view, net, rules: defaultRules[net].slice(view === 'step' ? 1 : 0)};
    for (const [name, field] of Object.entries(fields)) {
        if (name !== 'net') {
            state[name] = defaultOf(field, view, net);
        }
    }
    return state;
}

// Rows of tokens as --ids and --targets have them: each token's target is the next one.
function rowsOptions(rows) {
    const text = (from) => rows.map((row) => row.slice(from, row.length - 1 + from).join(',')).join(';');
    return ['--ids', text(0), '--targets', text(1)];
}

const BATCH = 4;

// My text: its bytes, repeated as often as needed.
function taskOptions(state) {
    if (state.task === 'my text' && state.text !== '') {
        const n = state.length + 1;
        const bytes = new TextEncoder().encode(state.text);
        return rowsOptions(Array.from({length: BATCH}, (_, row) => Array.from({length: n}, (__, i) => bytes[(row * state.length + i) % bytes.length])));
    }
    const task = state.task === 'to copy' ? ['--task', 'copy'] : [];
    return [...task, '--batch', String(BATCH), '--length', String(state.length)];
}

// The settings that this view and network have, in the table's order.
export function settingsOf(state) {
    return Object.entries(fields).filter(([name, field]) => name !== 'net' && (!field.in || field.in.includes(state.view))
                                                            && (!field.net || field.net === state.net)
                                                            && (!field.when || state[field.when[0]] === field.when[1]));
}

export function limitOf(field, view) {
    return field.limit?.[view] ?? field.most;
}

// The value that a text stands for, or an error: {value} or {error}.
export function parse(name, text, state) {
    const field = fields[name];
    const choices = field.kind === 'switch' ? ['on', 'off'] : field.choices;
    if (choices && !choices.includes(text)) {
        return {error: `${field.label}: '${text}' is unknown (expected ${choices.join(', ')})`};
    }
    if (field.kind !== 'count' && field.kind !== 'number') {
        return {value: text};
    }
    const value = Number(text);
    const least = field.least ?? 1;
    const most = limitOf(field, state.view);
    const whole = field.kind === 'number' || Number.isInteger(value);
    if (text.trim() === '' || !whole || !(value >= least && value <= most)) {
        const range = `${field.kind === 'number' ? 'a number' : 'an integer'} between ${least} and ${most}`;
        return {error: `${field.label}: ${text.trim() === '' ? `missing (expected ${range})` : `'${text}' is not ${range}`}`};
    }
    if (field.multiple && value % state[field.multiple] !== 0) {
        return {error: `${field.label}: ${value} is not a multiple of ${state[field.multiple]}, the number of heads`};
    }
    return {value};
}

// ------------------------------------------------------------------------------------------------------------
// The address

// The settings that the address leaves out; net: if it has one.
function baseOf(view, tour, net) {
    const step = steps[tour - 1]?.state;
    const settings = step?.view === view ? structuredClone(step) : {};
    const base = defaults(view, net ?? settings.net);
    return settings.net === base.net ? {...base, ...settings} : base;
}

export function toFragment(state) {
    const base = baseOf(state.view, state.tour, state.net);
    const parts = new URLSearchParams();
    parts.set('view', state.view);
    if (state.net !== baseOf(state.view, state.tour).net) {
        parts.set('net', state.net);
    }
    for (const [name] of settingsOf(state)) {
        if (state[name] !== base[name]) {
            parts.set(name, state[name] === '' ? 'off' : state[name]);
        }
    }
    if (state.rules.join('\n') !== base.rules.join('\n')) {
        state.rules.forEach((rule) => parts.append('residual', rule));
    }
    if (state.tour) {
        parts.set('tour', state.tour);
    }
    return `#${parts}`;
}

// The choice that a name in the address stands for, or the usual one and a note.
function chosen(parts, name, choices, usual, notes) {
    const text = parts.get(name) ?? usual;
    if (choices.includes(text)) {
        return text;
    }
    notes.push(`${name}: '${text}' is unknown (expected ${choices.join(', ')})`);
    return usual;
}

// {state, notes}: what cannot be used keeps its default, and a note says so.
export function fromFragment(fragment) {
    const notes = [];
    const parts = new URLSearchParams(fragment.replace(/^#/, ''));
    const tour = /^\d+$/.test(parts.get('tour')) ? Number(parts.get('tour')) : undefined;
    const view = chosen(parts, 'view', views, steps[tour - 1]?.state.view ?? 'flow', notes);
    const state = {...baseOf(view, tour, chosen(parts, 'net', fields.net.choices, baseOf(view, tour).net, notes)), tour};
    for (const [name, text] of parts) {
        if (Object.hasOwn(fields, name) && name !== 'net') {
            const {value, error} = parse(name, text, {...state, 'n-head': Number(parts.get('n-head') ?? state['n-head'])});
            state[name] = error ? state[name] : value;
            if (error) {
                notes.push(error);
            }
        } else if (!['view', 'net', 'residual', 'tour'].includes(name)) {
            notes.push(`'${name}' is not a setting of this page`);
        }
    }
    const rules = parts.getAll('residual').filter((rule) => rule.trim() !== '');
    if (rules.length > MOST_ARMS) {
        notes.push(`${rules.length} rules are too many (expected at most ${MOST_ARMS})`);
    }
    state.rules = rules.length > 0 ? rules.slice(0, MOST_ARMS) : state.rules;
    return {state, notes};
}

// ------------------------------------------------------------------------------------------------------------
// The command line

const quote = (text) => (/^[\w.,:+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// ['--net', 'mlp', '--depth', '20', ...]: as after `gptape gradflow`.
export function toOptions(state) {
    const options = ['--net', state.net];
    for (const [name, field] of settingsOf(state)) {
        if (field.options) {
            options.push(...field.options(state));
        } else if (field.kind === 'flag') {
            options.push(...(state[name] === 'on' ? [`--${name}`] : []));
        } else {
            options.push(`--${name}`, String(state[name]));
        }
    }
    if (state.view !== 'flow') {
        options.push('--seeds', '1');
    }
    for (const rule of state.rules) {
        options.push('--residual', rule);
    }
    return state.view === 'paths' ? [...options, '--probe', 'paths'] : options;
}

// The command whose CSV the page offers.
export function toCommand(state) {
    return ['gptape', 'gradflow', ...toOptions(state), '--depths', 'none', '--csv', '-'].map(quote).join(' ');
}
