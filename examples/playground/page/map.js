// map.js: heat maps in viridis, whose lightness grows with the value, so that they work in gray too; bars.

import {rgb} from 'd3-color';
import {scaleLinear} from 'd3-scale';
import {interpolateViridis} from 'd3-scale-chromatic';
import {begin, drawAxes, label, wholeTicks} from './chart.js';
import {newId} from './dom.js';
import {armStyle, color} from './style.js';

const SHADES = 255;
const viridis = Array.from({length: SHADES + 1}, (_, i) => rgb(interpolateViridis(i / SHADES)));

// The cells as a picture of one dot each, which the browser enlarges to a frame. cell(column, row): a share, 0 (dark) to 1 (light), or NaN for
// none: what is behind shows.
function drawPicture(svg, {left, right, top, bottom}, columns, rows, cell) {
    const board = document.createElement('canvas');
    board.width = columns;
    board.height = rows;
    const context = board.getContext('2d');
    const dots = context.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
            const shade = viridis[Math.round(SHADES * Math.max(0, Math.min(1, cell(column, row))))];
            dots.data.set(shade ? [shade.r, shade.g, shade.b, 255] : [0, 0, 0, 0], 4 * (row * columns + column));
        }
    }
    context.putImageData(dots, 0, 0);
    svg.append('image').attr('href', board.toDataURL()).attr('x', left).attr('y', top).attr('width', right - left).attr('height', bottom - top)
        .attr('preserveAspectRatio', 'none').attr('style', 'image-rendering: pixelated');
}

// Fills a rectangle with lines. Returns the pattern's address.
function hatch(svg, id, path, ink) {
    const pattern = svg.append('defs').append('pattern').attr('id', id).attr('width', 6).attr('height', 6).attr('patternUnits', 'userSpaceOnUse');
    pattern.append('path').attr('d', path).attr('stroke', ink).attr('stroke-width', 2).attr('fill', 'none');
    return `url(#${id})`;
}

const DIAGONAL = 'M-1,5 l2,2 M0,0 l6,6 M5,-1 l2,2';

function colorBar(svg, frame, [low, high]) {
    const left = Math.max(frame.right - 190, frame.left + 100);
    const right = left + 90;
    drawPicture(svg, {left, right, top: frame.top - 24, bottom: frame.top - 14}, SHADES, 1, (column) => column / SHADES);
    label(svg, low, left - 6, frame.top - 14, 'end', 'muted');
    label(svg, high, right + 6, frame.top - 14, 'start', 'muted');
}

// map: {columns, rows, cell, xLabel, yLabel, ends: names of the darkest and the lightest color}. Row 0 is at the bottom.
export function heatMap(svg, width, map) {
    const {columns, rows} = map;
    const frame = begin(svg, width, {ratio: 0.6, least: 220, most: 420});
    const {left, right, top, bottom} = frame;
    colorBar(svg, frame, map.ends);
    const x = scaleLinear([-0.5, columns - 0.5], [left, right]);
    const y = scaleLinear([-0.5, rows - 0.5], [bottom, top]);
    svg.append('rect').attr('x', left).attr('y', top).attr('width', right - left).attr('height', bottom - top)
        .attr('fill', hatch(svg, newId('none'), DIAGONAL, color('grid')));
    drawPicture(svg, frame, columns, rows, (column, row) => map.cell(column, rows - 1 - row));
    const yTicks = wholeTicks(y, (bottom - top) / 26).map((tick) => ({y: y(tick), text: tick}));
    return drawAxes(svg, frame, x, yTicks, map, columns, false);
}

// Bars side by side, one hatching per arm. bars: {names, series: per arm shares, xLabel, yLabel}
export function barChart(svg, width, bars) {
    const frame = begin(svg, width, {ratio: 0.42, least: 240, most: 380}, bars.names);
    const n = Math.max(...bars.series.map((values) => values.length));
    const x = scaleLinear([-0.5, n - 0.5], [frame.left, frame.right]);
    const highest = Math.max(...bars.series.flat().filter(Number.isFinite), 1e-9);
    const y = scaleLinear([0, highest], [frame.bottom, frame.top]).nice();
    const yTicks = y.ticks(5).map((tick) => ({y: y(tick), text: `${Math.round(tick * 1000) / 10} %`}));
    const places = drawAxes(svg, frame, x, yTicks, bars, n);
    const room = 0.8 * (x(1) - x(0)) / bars.series.length;
    bars.series.forEach((values, arm) => {
        const {color: ink, hatching} = armStyle(arm);
        const fill = hatching ? hatch(svg, newId('arm'), hatching, ink) : ink;
        svg.append('g').selectAll('rect').data(values).join('rect').attr('x', (_, k) => x(k) - 0.4 * (x(1) - x(0)) + arm * room).attr('width', Math.max(1, room - 1))
            .attr('y', (value) => y(value)).attr('height', (value) => frame.bottom - y(value)).attr('fill', fill).attr('stroke', ink)
            .attr('stroke-width', room > 4 ? 1.2 : 0);
    });
    return places;
}
