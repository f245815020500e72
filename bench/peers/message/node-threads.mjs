// SPDX-License-Identifier: MIT
// A string of one megabyte to a worker thread and back: gigabytes per second, both directions counted.
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

const SIZE = 1000000, N = 200, ROUNDS = 5;

if (!isMainThread) {
  parentPort.on('message', s => parentPort.postMessage(s));
} else {
  // Not a slice of something else, and flat: it is copied as a whole.
  const text = Buffer.alloc(SIZE, '0123456789').toString('latin1');
  const worker = new Worker(fileURLToPath(import.meta.url));
  const run = n => new Promise(resolve => {
    worker.removeAllListeners('message');
    worker.on('message', back => {
      if (back.length !== SIZE) throw new Error('size');
      if (--n > 0) worker.postMessage(text); else resolve();
    });
    worker.postMessage(text);
  });
  await run(20);
  const rates = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    await run(N);
    rates.push(2 * SIZE * N / (performance.now() - start) / 1e6);
  }
  rates.sort((a, b) => a - b);
  console.log(`RESULT message node-threads gb_s=${rates[ROUNDS >> 1].toFixed(3)}`);
  process.exit(0);
}
