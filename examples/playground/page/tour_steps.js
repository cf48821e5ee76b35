// tour_steps.js: the guided tour: what each of its steps shows, asks, and says afterwards.

// state: what differs from the view's defaults. right(view): which answer the measurement gives, from 0. after(view): what to see in it.
import {compared} from './words.js';

const ratio = (view, arm = 0) => view.result.at(arm, 0, 'weight', true).median;
const bin = (value, ...limits) => limits.findIndex((limit) => value >= limit);
const chain = {view: 'flow', net: 'mlp', rules: ['none-plain']};

export const steps = [
    {
        title: 'A chain of layers',
        text: 'Five layers, one after the other, without shortcuts. The loss sends a gradient back through all of them, from the last to the first.',
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
        after: () => 'The blue line hardly changes with depth. Move the depth further, if you like: it stays.',
    },
    {
        title: 'Inside the addition',
        text: 'Why? Here is one small network on its tape, forward done, and backward about to pass its last addition, where the shortcut meets the branch.',
        state: {view: 'step', net: 'mlp', depth: 3},
        place: (view) => {
            const {nodes} = view.tape;
            const last = nodes.findLastIndex(({shortcut}) => shortcut >= 0);
            return last < 0 ? nodes.length : 2 * nodes.length - last;
        },
        question: 'A gradient arrives at the addition. How much of it goes to each of the two inputs?',
        answers: ['Half to each', 'All of it to each', 'More to the larger input'],
        right: () => 1,
        after: () => 'An addition passes its gradient to both inputs, unchanged. By the shortcut it skips the layer\u2019s weights and slopes altogether.',
    },
    {
        title: 'Many paths',
        text: 'With shortcuts the gradient has a choice at each layer: past it, or through it. Twelve layers, eleven of them with a shortcut, make 2,048 paths to the input.',
        state: {view: 'paths', net: 'mlp', depth: 12},
        question: 'How many of the 12 layers did the gradient at the input pass, on average?',
        answers: ['Fewer than 4', 'About 6', 'More than 8'],
        right: (view) => bin(-view.meanAtInput(1), -4, -8, -Infinity),
        after: () => 'Most of the gradient took short paths. Without shortcuts there is only one path: through every layer.',
    },
    {
        title: 'Values, or gradients?',
        text: 'A trick separates the shortcut\u2019s two jobs. stop(h) carries the value but no gradient; h - stop(h) carries the gradient but no value.',
        state: {view: 'flow', net: 'mlp', depth: 20, rules: ['stop(h) + f(h)', 'h - stop(h) + f(h)']},
        question: 'Which of the two keeps the first layer\u2019s gradient from vanishing?',
        answers: ['The one that carries values', 'The one that carries gradients', 'Neither: it takes both'],
        right: (view) => (Math.max(ratio(view, 0), ratio(view, 1)) < 1e-3 ? 2 : ratio(view, 1) > ratio(view, 0) ? 1 : 0),
        after: () => 'The forward pass of the second network is exactly that of a network without shortcuts, and yet its gradient arrives.',
    },
    {
        title: 'And in a GPT?',
        text: 'A GPT normalizes in every block, and normalization makes small things large again. Look at the gradients of queries and keys, with which tokens choose whom to attend to.',
        state: {view: 'flow', net: 'gpt', 'n-layer': 12, metric: 'query_key', scale: 'absolute', seeds: 1},
        question: 'Without shortcuts, the query and key gradients in the middle of the network are ...',
        answers: ['about as large as with shortcuts', '3 to 30 times smaller', 'more than 30 times smaller'],
        right: (view) => {
            const middle = (arm) => view.result.at(arm, 6, 'query_key').median;
            return bin(middle(0) / middle(1), 1 / 3, 1 / 30, 0);
        },
        after: () => 'Without shortcuts all tokens become alike (choose \u201cLikeness of the tokens\u201d above the chart), and then attention has nothing to choose between.',
    },
    {
        title: 'Training',
        text: 'At last, let them learn: two GPTs from equal weights, the same text, the same steps. Predict, reveal, and watch both.',
        state: {view: 'train', net: 'gpt'},
        question: 'What will happen without shortcuts?',
        answers: ['It learns as well', 'It learns a little, then stops, and its gradients vanish', 'It learns nothing at all'],
        start: (view) => view.train(),
        right: (view) => {
            const [without, other] = view.arrived.map((all) => all.at(-1).loss);
            const first = view.arrived[0][0].loss;
            return without < 1.2 * other ? 0 : first - without > 0.1 * first ? 1 : 2;
        },
        after: () => 'Without shortcuts the loss stops at what can be had by counting letters. The dark lower part of its map: no gradient arrives there. '
                     + 'That was the tour. Now change something, and predict first.',
    },
];
