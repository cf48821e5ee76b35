// formula.js: a residual rule as a formula. KaTeX writes MathML, which browsers draw with their own fonts and screen readers speak.

import katex from 'katex';

const words = {norm: '\\mathrm{norm}', rms: '\\mathrm{rms}', dyt: '\\mathrm{dyt}', scalar: '\\mathrm{scalar}', vector: '\\mathrm{vector}', linear: '\\mathrm{linear}',
               sigmoid: '\\sigma', tanh: '\\tanh', stop: '\\mathrm{stop}', block: '\\mathrm{block}', l: '\\ell', x0: 'x_0'};

export function tex(rule) {
    const body = rule.split('|').map((half) => half
        .replace(/sqrt\(([^()]*)\)/g, '\\sqrt{$1}')
        .replace(/\^(-?[\w.]+)/g, '^{$1}')
        .replace(/(?<![\\\w])([a-zA-Z]\w*)/g, (name) => words[name] ?? name)
        .replaceAll('*', '\\,')
        .replaceAll(';', ';\\;'));
    return body.map((half) => `h \\leftarrow ${half.trim()}`).join('\\quad\\text{then}\\quad ');
}

export function formula(text) {
    const span = document.createElement('span');
    span.className = 'formula';
    katex.render(text, span, {output: 'mathml', throwOnError: false, strict: false});
    requestAnimationFrame(() => {
        if (span.scrollWidth > span.clientWidth) {
            span.tabIndex = 0;  // so that the keyboard can scroll it
        }
    });
    return span;
}
