-- SPDX-License-Identifier: MIT
-- The benches: crun's program, the peers' folder for the same work, the figures, and the targets.

--- One figure of a bench: a row of the table.
---@class bench.Metric
---@field key string the name the programs print it under
---@field label string
---@field unit string
---@field higher boolean? whether more is better
---@field targets bench.Target[]?

--- What a figure is to reach: a ratio to a peer's, or a value.
---@class bench.Target
---@field peer string? "others": the best of all peers that are not C
---@field ratio number? at most (at least, when higher is better) this times the peer's figure
---@field value number? at most this (at least, when higher is better)

--- A bench.
---@class bench.Bench
---@field name string
---@field program string
---@field peers string the folder of the peers' programs, in bench/peers and in the peers' folder
---@field busy boolean? the programs never sleep
---@field cores boolean? every program is given all processors, in one process or several
---@field steady boolean? its figures do not depend on who else uses the processor
---@field scalable boolean? crun's program takes a factor for the amount of work
---@field argument string? for every program
---@field connections integer[]? makes it a server
---@field quick boolean? false: left out by --quick
---@field repetitions integer? at most so many
---@field metrics bench.Metric[]

---@type bench.Bench[]
return {
  {
    name = "yield", program = "yield.lua", peers = "switch", busy = true, scalable = true,
    metrics = {
      { key = "ns_k2", label = "yield, 2 tasks", unit = "ns",
        targets = { { peer = "go", ratio = 0.4 }, { peer = "luajit", ratio = 0.6 } } },
      { key = "ns_k10000", label = "yield, 10,000 tasks", unit = "ns",
        targets = { { peer = "go", ratio = 1.0 } } },
    },
  },
  {
    name = "spawn", program = "spawn.lua", peers = "spawn", busy = true, scalable = true,
    metrics = {
      { key = "ns", label = "spawn + join", unit = "ns",
        targets = { { peer = "go-mp", ratio = 1.0 } } },
      { key = "counted_ns", label = "spawn, end counted", unit = "ns" },
    },
  },
  {
    name = "pingpong", program = "pingpong.lua", peers = "pingpong", busy = true, scalable = true,
    metrics = {
      { key = "ns", label = "ping-pong round trip", unit = "ns",
        targets = { { peer = "go", ratio = 0.5 } } },
    },
  },
  {
    name = "channel", program = "channel.lua", peers = "pingpong", busy = true, scalable = true,
    metrics = {
      { key = "ns", label = "rendezvous round trip", unit = "ns",
        targets = { { peer = "go", ratio = 0.5 } } },
      { key = "yields", label = "send or receive that wakes or waits", unit = "yields",
        targets = { { value = 1.5 } } },
    },
  },
  {
    name = "queue", program = "queue.lua", peers = "queue", busy = true, scalable = true,
    metrics = {
      { key = "ns_1to1", label = "queue of 100, 1 to 1, item", unit = "ns",
        targets = { { peer = "go", ratio = 1.4 } } },
      { key = "ns_100to100", label = "queue of 100, 100 to 100, item", unit = "ns",
        targets = { { peer = "go", ratio = 1.4 } } },
    },
  },
  {
    name = "select", program = "select.lua", peers = "select", busy = true, scalable = true,
    metrics = {
      { key = "ns", label = "select over 4 channels, fed by 4 tasks", unit = "ns",
        targets = { { peer = "go", ratio = 2.0 } } },
      { key = "ns_ready", label = "select over 4 channels, ready, and a send", unit = "ns",
        targets = { { peer = "go", ratio = 2.0 } } },
    },
  },
  {
    name = "lock", program = "lock.lua", peers = "mutex", busy = true, scalable = true,
    metrics = {
      { key = "ns", label = "lock, acquire + release", unit = "ns",
        targets = { { value = 45 } } },
      { key = "ns_held", label = "lock held across a yield, 100 tasks", unit = "ns",
        targets = { { peer = "go", ratio = 0.6 } } },
    },
  },
  {
    name = "wake", program = "wake.lua", peers = "wake", busy = true, scalable = true,
    metrics = {
      { key = "semaphore", label = "wake-up by a semaphore, 100 tasks", unit = "yields",
        targets = { { value = 1.5 } } },
      { key = "event", label = "wake-up by an event, 100 tasks", unit = "yields",
        targets = { { value = 1.5 } } },
      { key = "to_and_fro", label = "a semaphore's unit to and fro, wake-up", unit = "yields" },
    },
  },
  {
    name = "memory", program = "memory.lua", peers = "idle-mem", argument = "100000",
    steady = true, repetitions = 3,
    metrics = {
      { key = "bytes_100000", label = "parked task, 100 k", unit = "bytes" },
      { key = "park_us_100000", label = "start and park one, 100 k", unit = "us" },
    },
  },
  {
    name = "memory-1m", program = "memory.lua", peers = "idle-mem", argument = "1000000",
    steady = true, quick = false, repetitions = 1,
    metrics = {
      { key = "bytes_1000000", label = "parked task, 1 M", unit = "bytes",
        targets = { { value = 1280 } } },
      { key = "park_us_1000000", label = "start and park one, 1 M", unit = "us" },
    },
  },
  {
    name = "timers", program = "timers.lua", peers = "timers",
    metrics = {
      { key = "cpu_s", label = "100 k timers in 1 s, CPU", unit = "s",
        targets = { { peer = "go", ratio = 1.0 } } },
      { key = "overshoot_ms", label = "100 k timers in 1 s, overshoot", unit = "ms",
        targets = { { peer = "go", ratio = 0.5 } } },
    },
  },
  {
    name = "virtual", program = "virtual.lua", peers = "virtual", busy = true, scalable = true,
    metrics = {
      { key = "s", label = "virtual hour, 3.6 M sleeps", unit = "s",
        targets = { { value = 10 } } },
      { key = "ns_per_sleep", label = "virtual clock, sleep", unit = "ns" },
    },
  },
  {
    name = "gather", program = "gather.lua", peers = "gather",
    metrics = {
      { key = "ms", label = "gather 10 k tasks of 10 ms", unit = "ms",
        targets = { { value = 13 } } },
    },
  },
  {
    name = "pool", program = "pool.lua", peers = "pool", busy = true, scalable = true,
    metrics = {
      { key = "map_ns", label = "Pool(500):map, item", unit = "ns" },
      { key = "ratio", label = "the same over spawn + join", unit = "x",
        targets = { { value = 2 } } },
    },
  },
  {
    name = "echo", program = "echo.lua", peers = "tcp-echo", connections = { 50, 1000 },
    metrics = {
      { key = "rps_50", label = "TCP echo, 50 connections", unit = "/s", higher = true,
        targets = { { peer = "c-libuv", ratio = 0.92 }, { peer = "others", ratio = 1.0 } } },
      { key = "rps_1000", label = "TCP echo, 1000 connections", unit = "/s", higher = true,
        targets = { { peer = "c-libuv", ratio = 0.92 }, { peer = "others", ratio = 1.0 } } },
      { key = "us_cpu_50", label = "server CPU per echo, 50", unit = "us" },
      { key = "us_cpu_1000", label = "server CPU per echo, 1000", unit = "us" },
    },
  },
  {
    name = "procpool", program = "procpool.lua", peers = "procpool", cores = true, scalable = true,
    metrics = {
      { key = "jobs_s", label = "ProcessPool(2), tiny jobs", unit = "/s", higher = true,
        targets = { { peer = "multiprocessing", ratio = 2.0 }, { peer = "c-pipe", ratio = 1.0 } } },
    },
  },
  {
    name = "threadpool", program = "threadpool.lua", peers = "procpool", cores = true,
    scalable = true,
    metrics = {
      { key = "jobs_s", label = "ThreadPool(2), tiny jobs", unit = "/s", higher = true,
        targets = { { peer = "node-threads", ratio = 1.0 }, { peer = "lanes", ratio = 1.5 } } },
    },
  },
  {
    name = "message", program = "message.lua", peers = "message", cores = true, scalable = true,
    metrics = {
      { key = "gb_s", label = "1 MB to a thread and back", unit = "GB/s", higher = true,
        targets = { { value = 1.0 } } },
    },
  },
  {
    name = "proxy", program = "proxy.lua", peers = "proxy", cores = true, scalable = true,
    metrics = {
      { key = "items_s", label = "queue passed to a process, item", unit = "/s", higher = true,
        targets = { { peer = "multiprocessing", ratio = 5.0 } } },
      { key = "items_s_children", label = "queue between two processes, item", unit = "/s",
        higher = true, targets = { { peer = "multiprocessing", ratio = 5.0 } } },
    },
  },
  {
    name = "procstart", program = "procstart.lua", peers = "procstart",
    cores = true, scalable = true,
    metrics = {
      { key = "ms", label = "process, start to first result", unit = "ms",
        targets = { { peer = "multiprocessing", ratio = 0.2 } } },
    },
  },
  {
    name = "procspawn", program = "procspawn.lua", peers = "procspawn", cores = true,
    scalable = true,
    metrics = {
      { key = "ms", label = "subprocess.run of true", unit = "ms",
        targets = { { peer = "go", ratio = 1.25 }, { peer = "gevent", ratio = 0.25 } } },
    },
  },
  {
    name = "cpupar", program = "cpupar.lua", peers = "cpupar", cores = true,
    metrics = {
      { key = "speedup", label = "4 jobs, two processes over one", unit = "x", higher = true,
        targets = { { value = 1.85 } } },
      { key = "speedup_threads", label = "4 jobs, two threads over one", unit = "x",
        higher = true, targets = { { value = 1.85 } } },
      { key = "wall_ms", label = "4 times fib(32), two processes", unit = "ms" },
    },
  },
}
