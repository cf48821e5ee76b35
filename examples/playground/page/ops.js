// ops.js: the formulas of the operations that the page's networks use, forward and backward. dx is short for dL/dx; the sources are in tensor/ops/.

const elementwise = (name, slope) => ({forward: `y = ${name}(x)`, backward: `dx = ${slope} \\odot dy`});
const gelu = elementwise('\\mathrm{gelu}', '\\mathrm{gelu}\'(x)');

export const ops = {
    linear: {forward: 'y = x W^{\\mathsf T} + b', backward: 'dx = dy\\,W, \\quad dW = dy^{\\mathsf T} x, \\quad db = \\textstyle\\sum dy',
             words: 'A weighted sum of the inputs for each output.'},
    add: {forward: 'y = a + b', backward: 'da = dy, \\quad db = dy', words: 'An addition passes its gradient to both inputs, unchanged. This is why a shortcut carries the gradient.'},
    sub: {forward: 'y = a - b', backward: 'da = dy, \\quad db = -dy'},
    mul: {forward: 'y = a \\odot b', backward: 'da = b \\odot dy, \\quad db = a \\odot dy'},
    div: {forward: 'y = a / b', backward: 'da = dy / b, \\quad db = -\\,dy \\odot y / b'},
    pow: {forward: 'y = x^p', backward: 'dx = p\\,x^{p - 1} \\odot dy'},
    scale: {forward: 'y = c\\,x', backward: 'dx = c\\,dy', words: 'Multiplied by a constant, forward and backward.'},
    add_scalar: {forward: 'y = x + c', backward: 'dx = dy'},
    detach: {forward: 'y = x', backward: 'dx = 0', words: 'The value passes; the gradient stops here.'},
    gelu: {...gelu, words: 'The activation: where its slope is small, little of the gradient passes.'},
    gelu_erf: gelu,
    relu: {...elementwise('\\mathrm{relu}', '[x > 0]'), words: 'Where x is negative, no gradient passes.'},
    tanh: elementwise('\\tanh', '(1 - y^2)'),
    sigmoid: {...elementwise('\\sigma', 'y(1 - y)'), words: 'Its slope is at most 1/4.'},
    layernorm: {forward: 'y = \\frac{x - \\mathrm{mean}(x)}{\\sqrt{\\mathrm{var}(x) + \\varepsilon}}\\,w + b',
                backward: 'dx = \\frac{1}{\\sigma}\\left(d\\hat x - \\mathrm{mean}(d\\hat x) - \\hat x\\,\\mathrm{mean}(d\\hat x\\,\\hat x)\\right)',
                words: 'Each row gets mean 0 and variance 1; its gradient is divided by the old standard deviation.'},
    rmsnorm: {forward: 'y = \\frac{x}{\\sqrt{\\mathrm{mean}(x^2) + \\varepsilon}}\\,w', backward: 'dx = \\frac{1}{r}\\left(d\\hat x - \\hat x\\,\\mathrm{mean}(d\\hat x\\,\\hat x)\\right)'},
    attention: {forward: 'y = \\mathrm{softmax}\\left(\\frac{q k^{\\mathsf T}}{\\sqrt{d}}\\right) v', backward: 'dq, dk, dv \\text{ from } dy',
                words: 'Each token gets a weighted mean of the values of the tokens it attends to.'},
    embedding: {forward: 'y_t = W_{\\mathrm{id}_t}', backward: 'dW_{\\mathrm{id}_t} \\mathrel{+}= dy_t', words: 'Takes a row of the table for each token.'},
    slice: {forward: 'y = \\text{part of } x', backward: 'dx = dy \\text{ there, } 0 \\text{ elsewhere}'},
    mse_loss: {forward: 'L = \\mathrm{mean}\\left((y - t)^2\\right)', backward: 'dy = \\tfrac{2}{n}(y - t)', words: 'The loss: backward starts here, with dL/dL = 1.'},
    cross_entropy: {forward: 'L = -\\mathrm{mean}(\\log p_{\\mathrm{target}})', backward: 'd\\,\\mathrm{logits} = (p - [\\mathrm{target}]) / n',
                    words: 'The loss: backward starts here, with dL/dL = 1.'},
};

export function opOf(name) {
    return ops[name] ?? {forward: `y = \\mathrm{${name.replaceAll('_', '\\_')}}(x)`, backward: 'dx = \\frac{\\partial y}{\\partial x}^{\\mathsf T} dy'};
}
