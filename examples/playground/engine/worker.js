// worker.js: the engine in a Web Worker. The first message is the module's bytes; each other {call, settings} is answered by any
// number of {progress}, and then one {result} or {error}.

import { Engine } from "./engine.js";

const PROGRESS_INTERVAL = 50;                      // milliseconds between messages, except those of measured steps

let engine = null;

async function answer({ call, settings }) {
    let last = performance.now();
    const onProgress = (progress) => {
        const time = performance.now();
        if (progress.values !== null || time - last >= PROGRESS_INTERVAL) {
            last = time;
            self.postMessage({ progress });
        }
    };
    try {
        self.postMessage({ result: (await engine)[call](settings, onProgress) });
    } catch (error) {
        self.postMessage({ error: error.message });
    }
}

self.onmessage = ({ data }) => {
    if (engine === null) {
        engine = Engine.load(data);
    } else {
        answer(data);
    }
};
