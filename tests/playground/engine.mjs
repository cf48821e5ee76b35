// engine.mjs: calls of the engine under node, for test_engine.py. Reads a JSON list of [function, settings] and prints a JSON list of answers:
// {result} or {error}, with the milliseconds of the processor, the module's bytes, and for run how often progress was reported.

import { readFileSync } from "node:fs";
import { Engine } from "../../examples/playground/engine/engine.js";

const engine = await Engine.load(readFileSync(process.argv[2]));
const plain = (_, value) => ArrayBuffer.isView(value) ? Array.from(value, (x) => Number.isFinite(x) ? x : String(x)) : value;
const answers = [];
for (const [name, settings] of JSON.parse(readFileSync(0, "utf8"))) {
    const answer = { progress: [] };
    const before = process.cpuUsage();
    try {
        answer.result = engine[name](settings, (progress) => answer.progress.push(progress));
    } catch (error) {
        answer.error = error.message;
    }
    answer.milliseconds = process.cpuUsage(before).user / 1000;
    answer.bytes = engine.bytes;
    answers.push(answer);
}
process.stdout.write(JSON.stringify(answers, plain));
