// client.js: the page's side of the worker: each method of Engine (engine.js) as a promise. Calls are answered in order.

export class EngineClient {
    // source: of worker.js, bundled; bytes: of engine.wasm. Both are in the page itself, so that it works from a file, too.
    constructor(source, bytes) {
        this.url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        this.bytes = bytes;
        this.waiting = new Map();
        this.nextId = 1;
        this.#start();
    }

    run(settings, onProgress = null) {
        return this.#call("run", settings, onProgress);
    }

    csv(settings, onProgress = null) {
        return this.#call("csv", settings, onProgress);
    }

    step(settings) {
        return this.#call("step", settings);
    }

    rules() {
        return this.#call("rules");
    }

    // Stops all calls in progress, whose promises are rejected with null. The next call starts a new worker.
    cancel() {
        this.worker.terminate();
        for (const { reject } of this.waiting.values()) {
            reject(null);
        }
        this.waiting.clear();
        this.#start();
    }

    #start() {
        this.worker = new Worker(this.url);
        this.worker.onmessage = ({ data }) => this.#receive(data);
        this.worker.postMessage(this.bytes);
    }

    #call(call, settings, onProgress = null) {
        const id = this.nextId;
        this.nextId += 1;
        this.worker.postMessage({ id, call, settings });
        return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, onProgress }));
    }

    #receive({ id, progress, result, error }) {
        const { resolve, reject, onProgress } = this.waiting.get(id);
        if (progress !== undefined) {
            onProgress?.(progress);
            return;
        }
        this.waiting.delete(id);
        if (error !== undefined) {
            reject(new Error(error));
        } else {
            resolve(result);
        }
    }
}
