// dom.js: creating elements, and announcements for screen readers.

// el('p.note', {id: 'x', onclick: f}, 'text', child, ...): attributes, if there are any, are set as such; functions become listeners; null is left out.
export function el(tag, ...children) {
    const [name, ...classes] = tag.split('.');
    const node = document.createElement(name);
    const attributes = children[0]?.constructor === Object ? children.shift() : {};
    if (classes.length > 0) {
        node.className = classes.join(' ');
    }
    for (const [key, value] of Object.entries(attributes)) {
        if (typeof value === 'function') {
            node.addEventListener(key.slice(2), value);
        } else if (value === true) {
            node.setAttribute(key, '');
        } else if (value !== null && value !== undefined && value !== false) {
            node.setAttribute(key, value);
        }
    }
    return fill(node, ...children);
}

export function fill(node, ...children) {
    node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
}

let counter = 0;

export function newId(prefix) {
    counter++;
    return `${prefix}-${counter}`;
}

// Announces text to screen readers once it is stable; otherwise a moving slider would announce every step.
let waiting = 0;

export function announce(text) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
        const live = document.getElementById('live');
        if (live.textContent !== text) {
            live.textContent = text;
        }
    }, 400);
}

// Calls work at most once per frame, with the latest arguments.
export function perFrame(work) {
    let latest = null;
    return (...values) => {
        if (latest === null) {
            requestAnimationFrame(() => {
                const now = latest;
                latest = null;
                work(...now);
            });
        }
        latest = values;
    };
}

export function button(label, onclick, attributes = {}) {
    return el('button', {type: 'button', onclick, ...attributes}, label);
}

// pairs: [value, text]
export function chooser(pairs, value, change, attributes = {}) {
    const options = pairs.map(([choice, text]) => el('option', {value: choice, selected: choice === value}, text));
    return el('select', {...attributes, onchange: (event) => change(event.target.value)}, options);
}
