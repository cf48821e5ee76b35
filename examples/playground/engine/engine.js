// engine.js: the module for JavaScript: its imports, its memory, and its functions. README.md describes the interface. Runs in a worker and
// in node, on one module: a failure leaves the instance in the middle of a call, so the next call creates a new one.

const WASI_OK = 0;
const WASI_BADF = 8;
const STDOUT = 1;
const STDERR = 2;
const MOST_KEPT = 64e6;                            // bytes

// Of a layer, in the order of its numbers (LayerMetric in gpt/lab/lab.h); see Engine.run.
export const METRICS = ["weight", "query_key", "cosine", "skip", "block", "share"];

class Exit extends Error {}

export class Engine {
    // bytes: of engine.wasm. Each method takes an array of options, and throws an error with the line that the command prints.
    static async load(bytes) {
        const engine = new Engine();
        engine.module = await WebAssembly.compile(bytes);
        return engine;
    }

    // The experiment of `gptape gradflow SETTINGS`: {n_layer, n_steps, shortcuts, values}. onProgress is called after each measurement.
    run(settings, onProgress = null) {
        this.onProgress = onProgress;
        this.lastRun = null;
        const answer = this.#parse(this.#call("engine_run", settings));
        this.lastRun = JSON.stringify(settings);
        return answer;
    }

    // The rows that `gptape gradflow SETTINGS --csv -` writes, as text. Runs the experiment unless it was the last one.
    csv(settings, onProgress = null) {
        if (!this.instance || this.lastRun !== JSON.stringify(settings)) {
            this.run(settings, onProgress);
        }
        return this.#call("engine_csv");
    }

    // Forward and backward of one network, with every number; the options of `gptape graph`.
    step(settings) {
        return this.#parse(this.#call("engine_step", settings));
    }

    // The table of rules, as `gptape rules --json`.
    rules() {
        return JSON.parse(this.#call("engine_rules"));
    }

    get bytes() {
        return this.instance ? this.memory.buffer.byteLength : 0;
    }

    // --------------------------------------------------------------------------------------------------------

    #start() {
        const page = { progress: (...values) => this.#progress(...values) };
        this.instance = new WebAssembly.Instance(this.module, { wasi_snapshot_preview1: this.#system(), page });
        this.memory = this.instance.exports.memory;
        this.instance.exports._initialize();
        this.instance.exports.engine_begin();
    }

    // Calls a function of the module, with settings if it takes some; what it wrote to stdout.
    #call(name, settings = null) {
        this.chunks = { [STDOUT]: [], [STDERR]: [] };
        if (settings !== null && this.bytes > MOST_KEPT) {
            this.instance = null;                  // a module's memory never shrinks
        }
        if (!this.instance) {
            this.#start();
        }
        const status = this.#guarded(() => this.instance.exports[name](settings === null ? 0 : this.#arguments(settings)));
        if (status) {
            throw new Error(this.#text(STDERR).trimEnd().split("\n").at(-1));
        }
        return this.#text(STDOUT);
    }

    // JSON in which {f32: address, count} stands for numbers in memory, which are copied.
    #parse(text) {
        const copy = (Type, at, count) => new Type(this.memory.buffer, at, count).slice();
        return JSON.parse(text, (_, value) => value?.f32 !== undefined ? copy(Float32Array, value.f32, value.count)
            : value?.f64 !== undefined ? copy(Float64Array, value.f64, value.count) : value);
    }

    // An exception is reported as the module's last line, and ends the instance.
    #guarded(call) {
        try {
            return call();
        } catch (error) {
            this.instance = null;
            if (!(error instanceof Exit)) {
                this.chunks[STDERR].push(new TextEncoder().encode(`gptape: the engine stopped: ${error.message}\n`));
            }
            return 1;
        }
    }

    #arguments(settings) {
        const bytes = new TextEncoder().encode(settings.map((word) => word + "\0").join(""));
        const at = this.instance.exports.engine_arguments(bytes.length);
        new Uint8Array(this.memory.buffer).set(bytes, at);
        return settings.length;
    }

    #progress(done, n, arm, step, seed, loss, at, nLayer) {
        if (this.onProgress) {
            const values = at === 0 ? null : new Float64Array(this.memory.buffer, at, nLayer * METRICS.length).slice();
            this.onProgress({ done, n, arm, step, seed, loss, values });
        }
    }

    #text(file) {
        const decoder = new TextDecoder();
        return this.chunks[file].map((chunk) => decoder.decode(chunk, { stream: true })).join("");
    }

    // What wasi-libc needs of a system: two files to write to.
    #system() {
        const view = () => new DataView(this.memory.buffer);
        return {
            fd_write: (file, vectors, n, written) => {
                let total = 0;
                for (let i = 0; i < n; i++) {
                    const at = view().getUint32(vectors + 8 * i, true);
                    const length = view().getUint32(vectors + 8 * i + 4, true);
                    this.chunks[file].push(new Uint8Array(this.memory.buffer, at, length).slice());
                    total += length;
                }
                view().setUint32(written, total, true);
                return WASI_OK;
            },
            fd_close: () => WASI_OK,
            fd_seek: () => WASI_BADF,
            fd_fdstat_get: () => WASI_BADF,
            environ_sizes_get: (count, bytes) => {
                view().setUint32(count, 0, true);
                view().setUint32(bytes, 0, true);
                return WASI_OK;
            },
            environ_get: () => WASI_OK,
            clock_time_get: (clock, precision, at) => {
                view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
                return WASI_OK;
            },
            proc_exit: () => { throw new Exit(); },
        };
    }
}
