// chart.js: lines with bands over layers or steps, on a logarithmic or linear axis.

import {area, line} from 'd3-shape';
import {scaleLinear} from 'd3-scale';
import {armStyle, color, swatch} from './style.js';
import {number, power} from './words.js';

const MOST_MARKERS = 45;

// An SVG of this size, emptied; what is drawn fits, whatever the page's zoom.
export function canvas(svg, width, height) {
    svg.attr('viewBox', `0 0 ${width} ${height}`).attr('width', width).attr('height', height);
    svg.selectAll('*').remove();
    return svg.attr('font-family', 'system-ui, sans-serif').attr('font-size', width < 480 ? 12 : 14);
}

export function label(parent, text, x, y, anchor = 'start', tone = 'ink') {
    return parent.append('text').attr('x', x).attr('y', y).attr('text-anchor', anchor).attr('fill', color(tone)).text(text);
}

// Names of the arms above the drawing, in as many rows as they need. Returns the height.
export function legend(svg, names, width, styles) {
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
        swatch(svg, styles?.[i] ?? i, x, y);
        label(svg, text, x + 42, y + 5);
        x += room;
    });
    return y + 14;
}

// ------------------------------------------------------------------------------------------------------------
// Axes

function tickStep(range, most) {
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
    return steps.find((step) => range / step <= most) ?? 1000;
}

export function wholeTicks(low, high, most) {
    const step = tickStep(high - low, most);
    const ticks = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
        ticks.push(tick);
    }
    return ticks;
}

// Values above 0 by their logarithm, 0 on a line of its own at the bottom.
function logScale(values, top, bottom) {
    const sizes = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
    let low = sizes.reduce((a, b) => Math.min(a, b), Infinity);
    let high = sizes.reduce((a, b) => Math.max(a, b), -Infinity);
    if (sizes.length === 0) {
        [low, high] = [-1, 0];
    }
    const middle = (low + high) / 2;
    [low, high] = high - low < 1 ? [middle - 0.6, middle + 0.6] : [low - 0.02 * (high - low), high + 0.02 * (high - low)];
    const hasZero = values.includes(0);
    const scale = scaleLinear([low, high], [hasZero ? bottom - 22 : bottom, top]);
    const ticks = wholeTicks(low, high, Math.max(3, (bottom - top) / 42)).map((tick) => ({y: scale(tick), text: power(tick)}));
    if (high - low < 3) {
        for (let decade = Math.floor(low); decade <= high; decade++) {
            for (const digit of [2, 5]) {
                const tick = decade + Math.log10(digit);
                if (tick > low && tick < high) {
                    ticks.push({y: scale(tick), text: number(10 ** tick, 1)});
                }
            }
        }
    }
    if (hasZero) {
        ticks.push({y: bottom - 4, text: '0'});
    }
    return {y: (value) => (value === 0 ? bottom - 4 : scale(Math.log10(value))), ticks};
}

function linearScale(values, top, bottom) {
    const sound = values.filter(Number.isFinite);
    const low = Math.min(0, ...sound);
    const high = Math.max(low + 1e-9, ...sound);
    const scale = scaleLinear([low, high], [bottom, top]).nice();
    const ticks = scale.ticks(Math.max(3, (bottom - top) / 50));
    return {y: scale, ticks: ticks.map((tick) => ({y: scale(tick), text: String(tick).replace('-', '−')}))};
}

export function drawAxes(svg, frame, yTicks, xTicks, x, xLabel) {
    const {left, right, top, bottom} = frame;
    const axes = svg.append('g');
    for (const {y, text, plain} of yTicks) {
        axes.append('line').attr('x1', plain ? left - 4 : left).attr('x2', plain ? left : right).attr('y1', y).attr('y2', y)
            .attr('stroke', color(plain ? 'axis' : 'grid'));
        label(axes, text, left - 8, y + 4.5, 'end', 'muted');
    }
    axes.append('path').attr('d', `M${left},${top}V${bottom}H${right}`).attr('fill', 'none').attr('stroke', color('axis'));
    for (const tick of xTicks) {
        axes.append('line').attr('x1', x(tick)).attr('x2', x(tick)).attr('y1', bottom).attr('y2', bottom + 5).attr('stroke', color('axis'));
        label(axes, tick, x(tick), bottom + 19, 'middle', 'muted');
    }
    label(axes, xLabel, (left + right) / 2, bottom + 40, 'middle', 'muted');
}

// ------------------------------------------------------------------------------------------------------------
// Lines

const isThere = (value) => value !== undefined && !Number.isNaN(value) && Number.isFinite(value);

function drawSeries(svg, series, index, x, y, hasBand) {
    const style = armStyle(index);
    const points = series.map((point, i) => ({...point, i}));
    const band = area().defined((p) => isThere(p.low) && isThere(p.high) && p.n > 1).x((p) => x(p.i)).y0((p) => y(p.low)).y1((p) => y(p.high));
    const stroke = line().defined((p) => isThere(p.median)).x((p) => x(p.i)).y((p) => y(p.median));
    if (hasBand) {
        svg.append('path').attr('d', band(points)).attr('fill', style.color).attr('opacity', 0.17);
    }
    svg.append('path').attr('d', stroke(points)).attr('fill', 'none').attr('stroke', style.color).attr('stroke-width', 2.5)
        .attr('stroke-dasharray', style.dash).attr('stroke-linejoin', 'round');
    const every = Math.ceil(points.length / MOST_MARKERS);
    const marked = points.filter((p) => isThere(p.median) && (p.i % every === 0 || p.i === points.length - 1));
    svg.append('g').attr('fill', style.color).attr('stroke', color('surface')).selectAll('path').data(marked).join('path')
        .attr('d', style.marker(points.length > 30 ? 36 : 62)).attr('transform', (p) => `translate(${x(p.i)},${y(p.median)})`);
}

// chart: {names, series: per arm [{low, median, high, n}], styles: other than 0, 1, ..., linear, yLabel, xLabel, bands: false for none,
// first: number of the first point, count: of points, if more are to come}
// Returns where its points are, for a cursor.
export function lineChart(svg, width, chart) {
    const height = Math.round(Math.max(270, Math.min(520, width * 0.52)));
    canvas(svg, width, height);
    const top = legend(svg, chart.names, width, chart.styles) + 30;
    const frame = {left: width < 480 ? 50 : 62, right: width - 16, top, bottom: height - 52};
    label(svg, chart.yLabel, 4, top - 14, 'start', 'muted');
    const n = Math.max(2, chart.count ?? 0, ...chart.series.map((points) => points.length));
    const first = chart.first ?? 0;
    const x = scaleLinear([0, n - 1], [frame.left + 10, frame.right - 8]);
    const hasBand = chart.bands !== false;
    const heights = (p) => (hasBand ? [p.low, p.median, p.high] : [p.median]);
    const values = chart.series.flatMap((points) => points.flatMap(heights)).filter(isThere);
    const {y, ticks} = (chart.linear ? linearScale : logScale)(values, frame.top, frame.bottom);
    const xTicks = wholeTicks(first, first + n - 1, Math.max(2, (frame.right - frame.left) / 60));
    drawAxes(svg, frame, ticks, xTicks, (tick) => x(tick - first), chart.xLabel);
    chart.series.forEach((points, i) => drawSeries(svg, points, chart.styles?.[i] ?? i, x, y, hasBand));
    return {x, count: n, frame, indexAt: (px) => Math.round(x.invert(px))};
}
