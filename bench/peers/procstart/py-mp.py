# SPDX-License-Identifier: MIT
# Milliseconds from the start of a process to its first result, with the spawn method, which like
# crun starts a new interpreter: the process puts one item into a queue that its parent reads.
import multiprocessing as mp
import time

N = 20


def child(queue):
    queue.put(42)


def run(context, queue):
    start = time.perf_counter()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get() == 42
    elapsed = (time.perf_counter() - start) * 1e3
    process.join()
    return elapsed


if __name__ == "__main__":
    context = mp.get_context("spawn")
    queue = context.SimpleQueue()
    run(context, queue)
    times = sorted(run(context, queue) for _ in range(N))
    print(f"RESULT procstart multiprocessing ms={times[N // 2]:.3f}")
