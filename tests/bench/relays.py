#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# relays.py - the rows of tests/bench/relays.sh as tables: medians of the rounds
#
#   relays.py ROWS
#
# A row: underlay round relay pairs test value... What others disturbed by more than
# BUSY percent of the machine is left out, as long as something remains.
import collections
import statistics
import sys

BUSY = 10
SMALL = 64  # octets of a datagram of the test "small"
RELAYS = ["plain", "coturn", "adit", "adit-tls"]
NAMES = {
    "rtt": ["p50", "p99", "loss", "busy"],
    "bulk": ["gbit", "mpps", "loss", "cpu", "busy"],
    "small": ["gbit", "mpps", "loss", "cpu", "busy"],
    "memory": ["kib"],
}


def read(path):
    """(underlay, relay, pairs, test, name) -> values of the rounds"""
    values = collections.defaultdict(list)
    for line in open(path):
        underlay, _, relay, pairs, test, *numbers = line.split()
        names = NAMES.get(test, [])
        busy = float(numbers[-1]) if names[-1:] == ["busy"] else 0
        for name, n in zip(names, numbers):
            if n != "-":  # nothing came through
                values[underlay, relay, int(pairs), test, name].append((busy, float(n)))
    return {k: undisturbed(v) for k, v in values.items()}


def undisturbed(values):
    """the median of the quiet rounds, else the quietest round"""
    quiet = [v for busy, v in values if busy <= BUSY]
    return statistics.median(quiet) if quiet else min(values)[1]


def text(v, digits=2):
    return "-" if v is None else f"{v:.{digits}f}"


def table(of, underlay):
    echo50 = of.get((underlay, "echo", 1, "rtt", "p50"), 0)
    echo99 = of.get((underlay, "echo", 1, "rtt", "p99"), 0)
    print(f"\n{underlay}: RTT without a relay p50 {echo50:.0f} µs, p99 {echo99:.0f} µs\n")
    print("| pairs | relay | Gbit/s | a core | Mpkt/s, 64 octets | a core "
          "| added RTT p50, µs | p99, µs | CPU s/GB | lost % |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    pairs = sorted({k[2] for k in of if k[0] == underlay and k[3] == "bulk"})
    for n in pairs:
        for relay in RELAYS:
            row(of, underlay, n, relay, echo50, echo99)
    print("\nWhat a core of the relay's carries, as times of the others:\n")
    print("| pairs | adit / coturn | adit / plain | packets of 64 octets: adit / coturn "
          "| Gbit/s as measured: adit / coturn | adit / plain |")
    print("|---|---|---|---|---|---|")
    for n in pairs:
        def ratio(test, name, over):
            ours, theirs = (of.get((underlay, r, n, test, name)) for r in ("adit", over))
            if not ours or not theirs:
                return "-"
            return text(theirs / ours if name == "cpu" else ours / theirs)
        print(f"| {n} | {ratio('bulk', 'cpu', 'coturn')} | {ratio('bulk', 'cpu', 'plain')} "
              f"| {ratio('small', 'cpu', 'coturn')} | {ratio('bulk', 'gbit', 'coturn')} "
              f"| {ratio('bulk', 'gbit', 'plain')} |")


def row(of, underlay, pairs, relay, echo50, echo99):
    def at(test, name):
        return of.get((underlay, relay, pairs, test, name))
    if at("bulk", "gbit") is None:
        return
    p50, p99 = at("rtt", "p50"), at("rtt", "p99")
    bulk, small = at("bulk", "cpu"), at("small", "cpu")
    print(f"| {pairs} | {relay} | {text(at('bulk', 'gbit'))} | {text(bulk and 8 / bulk, 1)} "
          f"| {text(at('small', 'mpps'), 3)} | {text(small and 1e3 / SMALL / small, 3)} "
          f"| {text(p50 and p50 - echo50, 0)} | {text(p99 and p99 - echo99, 0)} "
          f"| {text(bulk)} | {text(at('bulk', 'loss'), 3)} |")


def main():
    of = read(sys.argv[1])
    underlays = list(dict.fromkeys(k[0] for k in of))
    if not any(k[1] == "adit" and k[3] == "bulk" for k in of):
        sys.exit("relays.py: no row of adit")
    for u in underlays:
        table(of, u)
    print("\nMemory of a client that is idle, one of 1,000 pairs:",
          ", ".join(f"{r} {of[u, r, 1000, 'memory', 'kib']:.2f} KiB" for u in underlays[:1]
                    for r in ("coturn", "adit") if (u, r, 1000, "memory", "kib") in of))


main()
