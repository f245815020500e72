# SPDX-License-Identifier: MIT
# Items per second through a Manager().Queue(): a process puts and its parent gets (items_s), and two
# processes, one puts and one gets (items_s_children).
import multiprocessing as mp
import time

N = 20000


def produce(queue, ready, go, n):
    ready.put(True)
    go.get()
    for i in range(1, n + 1):
        queue.put(i)


def consume(queue, n):
    total = 0
    for _ in range(n):
        total += queue.get()
    assert total == n * (n + 1) // 2


def consume_there(queue, ready, n):
    ready.put(True)
    consume(queue, n)
    ready.put(True)


def start(target, *args):
    process = mp.Process(target=target, args=args)
    process.start()
    args[1].get()
    return process


def to_parent(queue, ready, go, n):
    producer = start(produce, queue, ready, go, n)
    began = time.perf_counter()
    go.put(True)
    consume(queue, n)
    elapsed = time.perf_counter() - began
    producer.join()
    return n / elapsed


def between_children(queue, ready, go, n):
    producer = start(produce, queue, ready, go, n)
    consumer = start(consume_there, queue, ready, n)
    began = time.perf_counter()
    go.put(True)
    ready.get()
    elapsed = time.perf_counter() - began
    producer.join()
    consumer.join()
    return n / elapsed


if __name__ == "__main__":
    with mp.Manager() as manager:
        queue, ready, go = manager.Queue(), manager.Queue(), manager.Queue()
        a = to_parent(queue, ready, go, N)
        b = between_children(queue, ready, go, N)
    print(f"RESULT proxy multiprocessing items_s={a:.0f} items_s_children={b:.0f}")
