// engine.js: the engine as the views call it: with a view's state instead of settings.

import bytes from '../../../build/playground/engine.wasm';
import worker from '../../../build/playground/worker.txt';
import {EngineClient} from '../engine/client.js';
import {pathsOf} from './csv.js';
import {Result} from './result.js';
import {toOptions} from './state.js';
import {tapeOf} from './tape.js';

// A module whose only function has a vector instruction: (func (result v128) i32.const 0 i8x16.splat)
const probe = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11);

export function hasVectors() {
    return typeof WebAssembly === 'object' && WebAssembly.validate(probe);
}

// Without what the command would do besides.
const alone = ['--depths', 'none', '--plot', 'none'];
const small = {mlp: ['--depth', '3'], gpt: ['--n-layer', '1', '--n-embd', '8', '--n-head', '2', '--length', '2']};

export class Engine extends EngineClient {
    // The worker's source and the module are in the page itself.
    constructor() {
        super(worker, bytes);
    }

    async measure(state, onProgress) {
        return new Result(await this.run([...toOptions(state), ...alone], onProgress));
    }

    table(state) {
        return this.csv([...toOptions(state), ...alone]);
    }

    async paths(state) {
        return pathsOf(await this.csv([...toOptions(state), ...alone]), state.rules.length);
    }

    async tape(state) {
        return tapeOf(await this.step(toOptions(state).filter((word, i, words) => word !== '--seeds' && words[i - 1] !== '--seeds')));
    }

    // Which of the rules is invalid, or -1.
    async wrongRule(state) {
        for (const [i, rule] of state.rules.entries()) {
            try {
                await this.run(['--net', state.net, '--seeds', '1', ...small[state.net], '--residual', rule, ...alone]);
            } catch (problem) {
                return problem === null ? -1 : i;
            }
        }
        return -1;
    }
}
