// engine.js: the engine in a worker, called with a view's state instead of settings. Each call is a promise; calls are answered in order.

import bytes from '../../../build/playground/engine.wasm';
import worker from '../../../build/playground/worker.txt';
import {pathsOf, Result} from './result.js';
import {toOptions} from './state.js';
import {tapeOf} from './tape.js';

// Without what the command would do besides.
const alone = ['--depths', 'none', '--plot', 'none'];
const small = {mlp: ['--depth', '3'], gpt: ['--n-layer', '1', '--n-embd', '8', '--n-head', '2', '--length', '2']};

export class Engine {
    // The worker's source and the module are in the page itself, so that it works from a file, too.
    constructor() {
        if (!globalThis.WebAssembly?.validate(bytes) || !Array.prototype.findLast) {
            throw new Error('This browser is too old for this page (expected Firefox 104, Chrome 98, Safari 16.4, or later).');
        }
        this.url = URL.createObjectURL(new Blob([worker], {type: 'text/javascript'}));
        this.#start();
    }

    rules() {
        return this.#call('rules');
    }

    async measure(state, onProgress) {
        return new Result(await this.#call('run', [...toOptions(state), ...alone], onProgress));
    }

    table(state) {
        return this.#call('csv', [...toOptions(state), ...alone]);
    }

    async paths(state) {
        return pathsOf(await this.table(state), state.rules.length);
    }

    async tape(state) {
        return tapeOf(await this.#call('step', toOptions(state).filter((word, i, words) => word !== '--seeds' && words[i - 1] !== '--seeds')));
    }

    // Which of the rules is invalid, or -1.
    async wrongRule(state) {
        for (const [i, rule] of state.rules.entries()) {
            try {
                await this.#call('run', ['--net', state.net, '--seeds', '1', ...small[state.net], '--residual', rule, ...alone]);
            } catch (problem) {
                return problem === null ? -1 : i;
            }
        }
        return -1;
    }

    // Stops all calls in progress, whose promises are rejected with null, and starts a new worker.
    cancel() {
        this.worker.terminate();
        this.waiting.forEach(({reject}) => reject(null));
        this.#start();
    }

    #start() {
        this.waiting = [];
        this.worker = new Worker(this.url);
        this.worker.onmessage = ({data}) => this.#receive(data);
        this.worker.postMessage(bytes);
    }

    #call(call, settings, onProgress) {
        this.worker.postMessage({call, settings});
        return new Promise((resolve, reject) => this.waiting.push({resolve, reject, onProgress}));
    }

    #receive({progress, result, error}) {
        if (progress) {
            this.waiting[0].onProgress?.(progress);
            return;
        }
        const {resolve, reject} = this.waiting.shift();
        if (error === undefined) {
            resolve(result);
        } else {
            reject(new Error(error));
        }
    }
}
