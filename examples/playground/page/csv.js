// csv.js: the rows of gradflow --csv that a view needs.

// A line into fields; a quoted field may hold commas, and doubled quotes.
function fieldsOf(line) {
    const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/y;
    const fields = [];
    while (pattern.lastIndex < line.length) {
        const match = pattern.exec(line);
        fields.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]);
    }
    return fields;
}

// The rows of a kind, as objects by column.
export function rowsOfKind(text, kind) {
    const lines = text.split('\n');
    const names = lines[0].split(',');
    return lines.filter((line) => line.includes(`,${kind},`)).map((line) => {
        const fields = fieldsOf(line);
        return Object.fromEntries(names.map((name, i) => [name, fields[i] ?? '']));
    });
}

// Per arm: names of the sublayers, and the size (L2) of the gradient at the start of each by the number of sublayers passed:
// norm[sublayer][length]. From --probe paths, of one seed.
export function pathsOf(text, arms) {
    const paths = Array.from({length: arms}, () => ({names: [], norm: []}));
    for (const {run, name, index, value} of rowsOfKind(text, 'path_norm')) {
        const {names, norm} = paths[Number(run)];
        if (names.at(-1) !== name) {
            names.push(name);
            norm.push([]);
        }
        norm.at(-1)[Number(index)] = Number(value);
    }
    return paths;
}
