// words.js: numbers and conclusions in words, in the same form as the command line's plots.

const superscripts = {'-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹'};

export function power(exponent) {
    return `10${[...String(exponent)].map((c) => superscripts[c]).join('')}`;
}

// "0.075", "9.7·10⁻¹²"; digits are the significant ones.
export function number(value, digits = 2) {
    if (value === null || value === undefined || Number.isNaN(value)) {
        return '–';
    }
    if (!Number.isFinite(value)) {
        return 'infinite';
    }
    const size = Math.abs(value);
    if (value === 0 || (size >= 0.00095 && size < 99950)) {
        const text = size >= 10 ** digits ? value.toFixed(0) : String(Number(value.toPrecision(digits)));
        return text.replace('-', '−');
    }
    const [mantissa, exponent] = value.toExponential(digits - 1).split('e');
    return `${mantissa.replace('-', '−')}·${power(Number(exponent))}`;
}

const scales = [[1e12, 'trillion'], [1e9, 'billion'], [1e6, 'million'], [1e3, 'thousand']];

// "13", "4.2 million", "10²³"
export function count(value) {
    if (value >= 1e15) {
        return power(Math.round(Math.log10(value)));
    }
    for (const [size, word] of scales) {
        if (value >= size * 0.9995) {
            return `${number(value / size)} ${word}`;
        }
    }
    return number(value);
}

// A ratio to something that is 1: "13 times smaller than the last layer's".
export function compared(ratio, reference) {
    if (Number.isNaN(ratio)) {
        return 'cannot be compared';
    }
    if (ratio === 0) {
        return `is 0`;
    }
    if (!Number.isFinite(ratio)) {
        return `is infinitely larger than ${reference}`;
    }
    const fold = ratio < 1 ? 1 / ratio : ratio;
    if (fold < 1.5) {
        return `is about as large as ${reference}`;
    }
    return `is ${count(fold)} times ${ratio < 1 ? 'smaller' : 'larger'} than ${reference}`;
}

export function plural(n, word) {
    return `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;
}

export function sentence(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
}

export function shape(sizes) {
    return sizes.length === 0 ? 'one number' : sizes.join(' × ');
}
