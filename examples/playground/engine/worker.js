// worker.js: the engine in a Web Worker. The first message is the module's bytes; each other {id, call, settings} is answered by any
// number of {id, progress}, and then one {id, result} or {id, error}.

import { Engine } from "./engine.js";

const PROGRESS_INTERVAL = 50;                      // milliseconds between messages, except those of measured steps

let engine = null;

async function answer({ id, call, settings }) {
    let last = performance.now();
    const onProgress = (progress) => {
        const time = performance.now();
        if (progress.values !== null || time - last >= PROGRESS_INTERVAL) {
            last = time;
            self.postMessage({ id, progress });
        }
    };
    try {
        self.postMessage({ id, result: (await engine)[call](settings, onProgress) });
    } catch (error) {
        self.postMessage({ id, error: error.message });
    }
}

self.onmessage = ({ data }) => {
    if (engine === null) {
        engine = Engine.load(data);
        engine.catch(() => {});                    // reported by the first call
        return;
    }
    answer(data);
};
