// main.js: the start: support, engine, address, views, colors.

import {el, fill} from './dom.js';
import {Engine} from './engine.js';
import {Flow} from './flow.js';
import {Paths} from './paths.js';
import {Step} from './step.js';
import {Train} from './train.js';
import {Tour} from './tour.js';
import {fromFragment, toFragment, defaults} from './state.js';
import {sentence} from './words.js';

const views = {flow: Flow, paths: Paths, step: Step, train: Train};
const main = document.getElementById('main');
const content = document.getElementById('content');
const opened = {};
let state = null;
const page = {engine: null, rules: [], hidden: false, changed, notify};
const tour = new Tour({show: (next) => show(next, true), view: () => opened[state.view], curtain, remember, leave});

// ------------------------------------------------------------------------------------------------------------
// Notices and colors

function notify(...lines) {
    const notice = document.getElementById('notice');
    notice.hidden = lines.length === 0;
    fill(notice, lines.map((line) => el('p', line)));
}

// localStorage may be unavailable, for example for a local file.
function remember(key, value) {
    try {
        if (value !== undefined) {
            localStorage.setItem(`gptape-${key}`, value);
        }
        return localStorage.getItem(`gptape-${key}`);
    } catch {
        return null;
    }
}

function followColors() {
    const choice = document.getElementById('theme');
    const system = matchMedia('(prefers-color-scheme: dark)');
    const apply = () => {
        document.documentElement.dataset.theme = choice.value === 'auto' ? (system.matches ? 'dark' : 'light') : choice.value;
        opened[state?.view]?.redraw();
    };
    choice.value = remember('theme') ?? 'auto';
    choice.addEventListener('change', () => {
        remember('theme', choice.value);
        apply();
    });
    system.addEventListener('change', apply);
    apply();
}

// ------------------------------------------------------------------------------------------------------------
// Views and the address

function changed(now) {
    state = now;
    const fragment = toFragment(state);
    if (location.hash !== fragment) {
        history.replaceState(null, '', fragment);
    }
    writeLinks();
}

function writeLinks() {
    fill(document.getElementById('views'), Object.keys(views).map((view) => el('a', {
        href: `#view=${view}`, 'aria-current': state.view === view ? 'page' : null, onclick: (event) => {
            event.preventDefault();
            if (state.view !== view) {
                show(defaults(view), true);
            }
        }}, sentence(view))));
}

// In the tour, a result stays hidden until the user has made a prediction.
function curtain(isDown) {
    page.hidden = isDown;
    main.classList.toggle('curtain', isDown);
}

function leave() {
    state.tour = undefined;
    changed(state);
    tour.opened(state);
    opened[state.view].node.querySelector('h2').focus();
}

function show(next, byUser = false) {
    if (byUser) {
        history.pushState(null, '', toFragment(next));
    }
    opened[state?.view]?.stop();
    opened[next.view] ??= new views[next.view](page);
    const view = opened[next.view];
    view.node.classList.add(`view-${next.view}`);
    state = next;
    if (view.node.parentNode !== content) {
        fill(content, view.node);
    }
    tour.opened(next);
    view.open(next);
    document.title = `${sentence(next.view)} – gptape: watch gradients flow`;
    if (byUser && !next.tour) {
        view.node.querySelector('h2').focus();
    }
}

function fromAddress() {
    const {state: next, notes} = fromFragment(location.hash);
    notify(...(notes.length > 0 ? ['Parts of the link are invalid; the page uses its defaults instead:', ...notes] : []));
    show(next);
}

async function start() {
    followColors();
    document.getElementById('skip').addEventListener('click', (event) => {
        event.preventDefault();
        main.focus();
    });
    document.getElementById('tour-start').addEventListener('click', () => tour.resume());
    try {
        page.engine = new Engine();
        page.rules = await page.engine.rules();
    } catch (problem) {
        fill(content, el('p.error', `The engine failed to start: ${problem.message}`));
        return;
    }
    window.addEventListener('popstate', fromAddress);
    fromAddress();
}

start();
