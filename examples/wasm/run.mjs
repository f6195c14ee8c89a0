// Runs the built program: it traps, or gives another number than 0, where a byte is another one.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("target/wasm32-unknown-unknown/release/rpm-wasm-example.wasm", import.meta.url);
const path = process.argv[2] ?? fileURLToPath(built);
const { instance } = await WebAssembly.instantiate(readFileSync(path), {});
const begun = performance.now();
const status = instance.exports.main(0, 0);
if (status !== 0) throw new Error("an answer, a profile or a user model is another one than elsewhere");
console.log(`12 ratings learned and a question answered, the same to the byte, in ${Math.round(performance.now() - begun)} ms`);
