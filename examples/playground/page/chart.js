// chart.js: lines with bands over layers or steps, on a logarithmic or linear axis.

import {extent, range} from 'd3-array';
import {area, line} from 'd3-shape';
import {scaleLinear} from 'd3-scale';
import {armStyle, color, swatch} from './style.js';
import {number, power} from './words.js';

const MOST_MARKERS = 45;

// Empties an SVG and sets its size, between two heights; what is drawn fits, whatever the page's zoom.
// Names of the arms stand above the plot, if there are some. Returns the frame of the plot.
export function begin(svg, width, {ratio, least, most}, names = [], styles = [0, 1, 2, 3]) {
    const height = Math.round(Math.max(least, Math.min(most, width * ratio)));
    svg.attr('viewBox', `0 0 ${width} ${height}`).attr('width', width).attr('height', height);
    svg.selectAll('*').remove();
    svg.attr('font-family', 'system-ui, sans-serif').attr('font-size', width < 480 ? 12 : 14);
    return {left: width < 480 ? 50 : 62, right: width - 16, top: legend(svg, names, width, styles) + 30, bottom: height - 52};
}

export function label(parent, text, x, y, anchor = 'start', tone = 'ink') {
    return parent.append('text').attr('x', x).attr('y', y).attr('text-anchor', anchor).attr('fill', color(tone)).text(text);
}

// In as many rows as the names need. Returns the height.
function legend(svg, names, width, styles) {
    const left = 4;
    let x = left;
    let y = 14;
    names.forEach((name, i) => {
        const text = name.length > 44 ? `${name.slice(0, 43)}…` : name;
        const room = 44 + text.length * 7.6 + 18;
        if (x > left && x + room > width) {
            x = left;
            y += 22;
        }
        swatch(svg, styles[i], x, y);
        label(svg, text, x + 42, y + 5);
        x += room;
    });
    return names.length === 0 ? 12 : y + 14;
}

// ------------------------------------------------------------------------------------------------------------
// Axes

// The whole numbers among a scale's ticks.
export function wholeTicks(scale, n) {
    return scale.ticks(Math.max(2, n)).filter(Number.isInteger);
}

// Values above 0 by their logarithm, 0 on a line of its own at the bottom.
function logScale(values, top, bottom) {
    const [least = -1, most = 0] = extent(values.filter((value) => value > 0), Math.log10);
    const margin = most - least < 1 ? 0.6 - (most - least) / 2 : 0.02 * (most - least);
    const [low, high] = [least - margin, most + margin];
    const hasZero = values.includes(0);
    const scale = scaleLinear([low, high], [hasZero ? bottom - 22 : bottom, top]);
    const isShort = high - low < 3; // then 1, 2 and 5 times each power of ten
    const places = isShort ? range(Math.floor(low), high).flatMap((ten) => [ten, ten + Math.log10(2), ten + Math.log10(5)])
                           : wholeTicks(scale, (bottom - top) / 42);
    const ticks = places.filter((at) => at >= low && at <= high).map((at) => ({y: scale(at), text: isShort ? number(10 ** at, 1) : power(at)}));
    if (hasZero) {
        ticks.push({y: bottom - 4, text: '0'});
    }
    return {y: (value) => (value === 0 ? bottom - 4 : scale(Math.log10(value))), ticks};
}

function linearScale(values, top, bottom) {
    const low = Math.min(0, ...values);
    const scale = scaleLinear([low, Math.max(low + 1e-9, ...values)], [bottom, top]).nice();
    const ticks = scale.ticks(Math.max(3, (bottom - top) / 50));
    return {y: scale, ticks: ticks.map((tick) => ({y: scale(tick), text: String(tick).replace('-', '−')}))};
}

// yTicks: [{y, text}]; grid: with a line across the plot at each. Returns where the points 0 ... count - 1 are, for a cursor.
export function drawAxes(svg, frame, x, yTicks, {xLabel, yLabel}, count, grid = true) {
    const {left, right, top, bottom} = frame;
    const axes = svg.append('g');
    label(axes, yLabel, 4, top - 14, 'start', 'muted');
    for (const {y, text} of yTicks) {
        axes.append('line').attr('x1', grid ? left : left - 4).attr('x2', grid ? right : left).attr('y1', y).attr('y2', y).attr('stroke', color(grid ? 'grid' : 'axis'));
        label(axes, text, left - 8, y + 4.5, 'end', 'muted');
    }
    axes.append('path').attr('d', `M${left},${top}V${bottom}H${right}`).attr('fill', 'none').attr('stroke', color('axis'));
    for (const tick of wholeTicks(x, (right - left) / 60)) {
        axes.append('line').attr('x1', x(tick)).attr('x2', x(tick)).attr('y1', bottom).attr('y2', bottom + 5).attr('stroke', color('axis'));
        label(axes, tick, x(tick), bottom + 19, 'middle', 'muted');
    }
    label(axes, xLabel, (left + right) / 2, bottom + 40, 'middle', 'muted');
    return {x, frame, count, indexAt: (px) => Math.round(x.invert(px))};
}

// ------------------------------------------------------------------------------------------------------------
// Lines

function drawSeries(svg, series, style, x, y, hasBand) {
    const points = series.map((point, i) => ({...point, i}));
    const band = area().defined((p) => Number.isFinite(p.low) && Number.isFinite(p.high) && p.n > 1).x((p) => x(p.i)).y0((p) => y(p.low)).y1((p) => y(p.high));
    const stroke = line().defined((p) => Number.isFinite(p.median)).x((p) => x(p.i)).y((p) => y(p.median));
    if (hasBand) {
        svg.append('path').attr('d', band(points)).attr('fill', style.color).attr('opacity', 0.17);
    }
    svg.append('path').attr('d', stroke(points)).attr('fill', 'none').attr('stroke', style.color).attr('stroke-width', 2.5)
        .attr('stroke-dasharray', style.dash).attr('stroke-linejoin', 'round');
    const every = Math.ceil(points.length / MOST_MARKERS);
    const marked = points.filter((p) => Number.isFinite(p.median) && (p.i % every === 0 || p.i === points.length - 1));
    svg.append('g').attr('fill', style.color).attr('stroke', color('surface')).selectAll('path').data(marked).join('path')
        .attr('d', style.marker(points.length > 30 ? 36 : 62)).attr('transform', (p) => `translate(${x(p.i)},${y(p.median)})`);
}

// chart: {names, series: per arm [{low, median, high, n}], styles: other than 0, 1, ..., linear, yLabel, xLabel, bands: false for none,
// count: of points, if more are to come}
export function lineChart(svg, width, chart) {
    const {series, styles = [0, 1, 2, 3], bands = true} = chart;
    const frame = begin(svg, width, {ratio: 0.52, least: 270, most: 520}, chart.names, styles);
    const n = Math.max(2, chart.count ?? 0, ...series.map((points) => points.length));
    const x = scaleLinear([0, n - 1], [frame.left + 10, frame.right - 8]);
    const values = series.flat().flatMap((p) => (bands ? [p.low, p.median, p.high] : [p.median])).filter(Number.isFinite);
    const {y, ticks} = (chart.linear ? linearScale : logScale)(values, frame.top, frame.bottom);
    const places = drawAxes(svg, frame, x, ticks, chart, n);
    series.forEach((points, i) => drawSeries(svg, points, armStyle(styles[i]), x, y, bands));
    return places;
}
