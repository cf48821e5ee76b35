// style.js: how arms are drawn. Any two differ in color, dash, marker and hatching, as in the command line's plots.

import {symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle} from 'd3-shape';

const dashes = ['7 4', null, '9 3 2 3', '2 3'];
const markers = [symbolCircle, symbolSquare, symbolDiamond, symbolTriangle];
const hatchings = ['M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2', null, 'M0,3 l6,0', 'M3,0 l0,6'];

// The value of a custom property, so that a saved SVG needs no style sheet.
export function color(name) {
    return window.getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function armStyle(index) {
    return {
        color: color(`arm-${index}`),
        dash: dashes[index],
        marker: (size) => symbol().type(markers[index]).size(size)(),
        hatching: hatchings[index],
    };
}

// A piece of the line, for legends. node: a D3 selection.
export function swatch(node, index, x, y) {
    const style = armStyle(index);
    const group = node.append('g').attr('transform', `translate(${x},${y})`);
    group.append('line').attr('x2', 34).attr('stroke', style.color).attr('stroke-width', 2.5).attr('stroke-dasharray', style.dash);
    group.append('path').attr('d', style.marker(70)).attr('transform', 'translate(17,0)').attr('fill', style.color);
    return group;
}

// The names of the arms: "without shortcuts" and "with shortcuts", or the rule.
const familiarNames = ['without shortcuts', 'with shortcuts'];
const without = ['none', 'none-plain', 'none-post'];
const familiar = ['pre', 'plain', 'post'];

export function armNames(rules) {
    const names = rules.map((rule) => (without.includes(rule) ? familiarNames[0] : familiar.includes(rule) ? familiarNames[1] : rule));
    return names.map((name, i) => (names.filter((other) => other === name).length > 1 ? rules[i] : name));
}

// An arm as the subject of a sentence: "with shortcuts", "with keel".
export function phrase(name) {
    return familiarNames.includes(name) ? name : `with ${name}`;
}
