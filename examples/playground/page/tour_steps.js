// tour_steps.js: the steps of the guided tour: settings, question, answers, explanation.

// state: settings that differ from the view's defaults. right(view): index of the measured answer. after(view): the explanation.
import {compared} from './words.js';

const ratio = (view, arm = 0) => view.result.at(arm, 0, 'weight', true).median;
const bin = (value, ...limits) => limits.findIndex((limit) => value >= limit);
const chain = {view: 'flow', net: 'mlp', rules: ['none-plain']};

export const steps = [
    {
        title: 'A chain of layers',
        text: 'Five layers in sequence, without shortcuts. The loss sends a gradient back through all of them, from the last to the first.',
        state: {...chain, depth: 5},
        question: 'How large is the first layer\u2019s gradient, compared with the last layer\u2019s?',
        answers: ['About as large', 'Somewhat smaller: down to a hundredth', 'Less than a hundredth'],
        right: (view) => bin(ratio(view), 0.5, 0.01, 0),
        after: () => 'Each layer multiplies the gradient by its weights and by the slope of its activation. Both are mostly below 1.',
    },
    {
        title: 'Twenty layers',
        text: 'The same chain, four times as deep.',
        state: {...chain, depth: 20},
        question: 'How much smaller is the first layer\u2019s gradient now?',
        answers: ['Less than a thousand times', 'Thousands to millions of times', 'More than a million times'],
        right: (view) => bin(ratio(view), 1e-3, 1e-6, 0),
        after: (view) => `The gradient shrinks by about the same factor with every layer, so it vanishes exponentially: here the first layer's ${compared(ratio(view), 'the last layer\u2019s')}. `
                         + 'On the logarithmic axis that is a straight line.',
    },
    {
        title: 'Add a shortcut',
        text: 'Now a second network starts from the same weights, but each layer has a shortcut around it: x + layer(x) instead of layer(x). Nothing else changes.',
        state: {view: 'flow', net: 'mlp', depth: 20},
        question: 'What will the gradient at the first layer be with shortcuts?',
        answers: ['It vanishes as well, a little later', 'It stays within about a factor of a hundred of the last layer\u2019s', 'It grows without bound'],
        right: (view) => (ratio(view, 1) > 100 ? 2 : ratio(view, 1) > 0.01 ? 1 : 0),
        after: () => 'The blue line hardly changes with depth. Try larger depths: it stays.',
    },
    {
        title: 'Inside the addition',
        text: 'Why? Here is the tape of one small network, after the forward pass. The backward pass is about to reach the last addition, where the shortcut meets the branch.',
        state: {view: 'step', net: 'mlp', depth: 3},
        place: (view) => {
            const {nodes} = view.tape;
            const last = nodes.findLastIndex(({shortcut}) => shortcut >= 0);
            return last < 0 ? nodes.length : 2 * nodes.length - last;
        },
        question: 'A gradient arrives at the addition. How much of it goes to each of the two inputs?',
        answers: ['Half to each', 'All of it to each', 'More to the larger input'],
        right: () => 1,
        after: () => 'An addition passes its gradient to both inputs, unchanged. Along the shortcut, it skips the layer\u2019s weights and slopes entirely.',
    },
    {
        title: 'Many paths',
        text: 'With shortcuts, the gradient can go past or through each layer. Twelve layers, eleven of them with a shortcut, give 2,048 paths to the input.',
        state: {view: 'paths', net: 'mlp', depth: 12},
        question: 'How many of the 12 layers did the gradient at the input pass through, on average?',
        answers: ['Fewer than 4', 'About 6', 'More than 8'],
        right: (view) => bin(-view.meanAtInput(1), -4, -8, -Infinity),
        after: () => 'Most of the gradient took short paths. Without shortcuts there is only one path: through every layer.',
    },
    {
        title: 'Values, or gradients?',
        text: 'A trick separates the shortcut\u2019s two jobs. stop(h) carries the value but no gradient; h - stop(h) carries the gradient but no value.',
        state: {view: 'flow', net: 'mlp', depth: 20, rules: ['stop(h) + f(h)', 'h - stop(h) + f(h)']},
        question: 'Which of them keeps the first layer\u2019s gradient from vanishing?',
        answers: ['The one that carries values', 'The one that carries gradients', 'Neither: both are needed'],
        right: (view) => (Math.max(ratio(view, 0), ratio(view, 1)) < 1e-3 ? 2 : ratio(view, 1) > ratio(view, 0) ? 1 : 0),
        after: () => 'The forward pass of the second network is exactly that of a network without shortcuts, yet its gradient arrives.',
    },
    {
        title: 'And in a GPT?',
        text: 'A GPT normalizes in every block, and normalization enlarges small values. Look at the gradients of queries and keys, which decide what each token attends to.',
        state: {view: 'flow', net: 'gpt', 'n-layer': 12, metric: 'query_key', scale: 'absolute', seeds: 1},
        question: 'Without shortcuts, the query and key gradients in the middle of the network are ...',
        answers: ['about as large as with shortcuts', '3 to 30 times smaller', 'more than 30 times smaller'],
        right: (view) => {
            const middle = (arm) => view.result.at(arm, 6, 'query_key').median;
            return bin(middle(0) / middle(1), 1 / 3, 1 / 30, 0);
        },
        after: () => 'Without shortcuts all tokens become alike (choose \u201cSimilarity of the tokens\u201d above the chart), so attention cannot distinguish them.',
    },
    {
        title: 'Training',
        text: 'Finally, train two GPTs from the same initial weights, on the same text, with the same steps. Predict, reveal, and watch both.',
        state: {view: 'train', net: 'gpt'},
        question: 'What will happen without shortcuts?',
        answers: ['It learns as well', 'It learns a little, then stops, and its gradients vanish', 'It does not learn'],
        start: (view) => view.train(),
        right: (view) => {
            const [without, other] = view.arrived.map((all) => all.at(-1).loss);
            const first = view.arrived[0][0].loss;
            return without < 1.2 * other ? 0 : first - without > 0.1 * first ? 1 : 2;
        },
        after: () => 'Without shortcuts the loss stops at the entropy of letter frequencies. In the dark lower part of its map, no gradient arrives. '
                     + 'This is the end of the tour. Now change something, and predict first.',
    },
];
