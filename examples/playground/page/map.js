// map.js: heat maps in viridis, whose lightness grows with the value, so that they work in gray too.

import {scaleLinear} from 'd3-scale';
import {canvas, drawAxes, label, legend, wholeTicks} from './chart.js';
import {newId} from './dom.js';
import {armStyle, color} from './style.js';

const stops = ['440154', '472d7b', '3b528b', '2c728e', '21918c', '28ae80', '5ec962', 'addc30', 'fde725']
    .map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

// share: 0 (dark) to 1 (light).
export function viridis(share) {
    const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(place));
    return stops[below].map((part, i) => Math.round(part + (place - below) * (stops[below + 1][i] - part)));
}

// The cells as a picture of one dot each, which the browser enlarges. cell(column, row): a share, or NaN for none: the hatching shows.
function picture(columns, rows, cell) {
    const board = document.createElement('canvas');
    board.width = columns;
    board.height = rows;
    const context = board.getContext('2d');
    const dots = context.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
            const share = cell(column, row);
            dots.data.set(Number.isNaN(share) ? [0, 0, 0, 0] : [...viridis(share), 255], 4 * (row * columns + column));
        }
    }
    context.putImageData(dots, 0, 0);
    return board.toDataURL();
}

// Fills a rectangle with lines. Returns the pattern's address.
function hatch(svg, id, path, ink) {
    const pattern = svg.append('defs').append('pattern').attr('id', id).attr('width', 6).attr('height', 6).attr('patternUnits', 'userSpaceOnUse');
    pattern.append('path').attr('d', path).attr('stroke', ink).attr('stroke-width', 2).attr('fill', 'none');
    return `url(#${id})`;
}

const DIAGONAL = 'M-1,5 l2,2 M0,0 l6,6 M5,-1 l2,2';

function colorBar(svg, x, y, width, [low, high]) {
    const address = picture(64, 1, (column) => column / 63);
    svg.append('image').attr('href', address).attr('x', x).attr('y', y).attr('width', width).attr('height', 10).attr('preserveAspectRatio', 'none');
    label(svg, low, x - 6, y + 10, 'end', 'muted');
    label(svg, high, x + width + 6, y + 10, 'start', 'muted');
}

// map: {columns, rows, cell, xLabel, yLabel, ends: names of the darkest and the lightest color, first: number of the first row, down: rows from
// top to bottom, height}
export function heatMap(svg, width, map) {
    const height = map.height ?? Math.round(Math.max(220, Math.min(420, width * 0.6)));
    canvas(svg, width, height);
    const frame = {left: 50, right: width - 14, top: 42, bottom: height - 52};
    label(svg, map.yLabel, 4, 18, 'start', 'muted');
    colorBar(svg, Math.max(frame.right - 190, frame.left + 100), 8, 90, map.ends);
    const x = scaleLinear([-0.5, map.columns - 0.5], [frame.left, frame.right]);
    const y = scaleLinear([-0.5, map.rows - 0.5], map.down ? [frame.top, frame.bottom] : [frame.bottom, frame.top]);
    const cell = (column, row) => map.cell(column, map.down ? row : map.rows - 1 - row);
    svg.append('rect').attr('x', frame.left).attr('y', frame.top).attr('width', frame.right - frame.left).attr('height', frame.bottom - frame.top)
        .attr('fill', hatch(svg, newId('none'), DIAGONAL, color('grid')));
    svg.append('image').attr('href', picture(map.columns, map.rows, cell)).attr('x', frame.left).attr('y', frame.top)
        .attr('width', frame.right - frame.left).attr('height', frame.bottom - frame.top).attr('preserveAspectRatio', 'none')
        .attr('style', 'image-rendering: pixelated');
    const xTicks = wholeTicks(0, map.columns - 1, Math.max(2, (frame.right - frame.left) / 60));
    const yTicks = wholeTicks(0, map.rows - 1, Math.max(2, (frame.bottom - frame.top) / 26)).map((tick) => ({y: y(tick), text: tick}));
    drawAxes(svg, frame, yTicks.map((tick) => ({...tick, plain: true})), xTicks, x, map.xLabel);
    return {x, y, frame, count: map.columns, indexAt: (px) => Math.round(x.invert(px))};
}

// Bars side by side, one hatching per arm. bars: {names, series: per arm shares, xLabel, yLabel}
export function barChart(svg, width, bars) {
    const height = Math.round(Math.max(240, Math.min(380, width * 0.42)));
    canvas(svg, width, height);
    const top = legend(svg, bars.names, width) + 30;
    const frame = {left: 50, right: width - 14, top, bottom: height - 52};
    label(svg, bars.yLabel, 4, top - 14, 'start', 'muted');
    const n = Math.max(...bars.series.map((values) => values.length));
    const x = scaleLinear([-0.5, n - 0.5], [frame.left, frame.right]);
    const highest = Math.max(...bars.series.flat().filter(Number.isFinite), 1e-9);
    const y = scaleLinear([0, highest], [frame.bottom, frame.top]).nice();
    const yTicks = y.ticks(5).map((tick) => ({y: y(tick), text: `${Math.round(tick * 1000) / 10} %`}));
    drawAxes(svg, frame, yTicks, wholeTicks(0, n - 1, Math.max(2, (frame.right - frame.left) / 50)), x, bars.xLabel);
    const room = 0.8 * (x(1) - x(0)) / bars.series.length;
    bars.series.forEach((values, arm) => {
        const {color: ink, hatching} = armStyle(arm);
        const fill = hatching ? hatch(svg, newId('arm'), hatching, ink) : ink;
        svg.append('g').selectAll('rect').data(values).join('rect').attr('x', (_, k) => x(k) - 0.4 * (x(1) - x(0)) + arm * room).attr('width', Math.max(1, room - 1))
            .attr('y', (value) => y(value)).attr('height', (value) => frame.bottom - y(value)).attr('fill', fill).attr('stroke', ink)
            .attr('stroke-width', room > 4 ? 1.2 : 0);
    });
    return {x, frame, count: n, indexAt: (px) => Math.round(x.invert(px))};
}
