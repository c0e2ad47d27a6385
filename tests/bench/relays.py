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
    print("| pairs | relay | Gbit/s | Mpkt/s, 64 octets | added RTT p50, µs | p99, µs "
          "| CPU s/GB | lost % |")
    print("|---|---|---|---|---|---|---|---|")
    pairs = sorted({k[2] for k in of if k[0] == underlay and k[3] == "bulk"})
    for n in pairs:
        for relay in RELAYS:
            def at(test, name):
                return of.get((underlay, relay, n, test, name))
            if at("bulk", "gbit") is None:
                continue
            p50, p99 = at("rtt", "p50"), at("rtt", "p99")
            print(f"| {n} | {relay} | {text(at('bulk', 'gbit'))} | {text(at('small', 'mpps'), 3)} "
                  f"| {text(p50 and p50 - echo50, 0)} | {text(p99 and p99 - echo99, 0)} "
                  f"| {text(at('bulk', 'cpu'))} | {text(at('bulk', 'loss'), 3)} |")
    print("\n| pairs | adit / coturn | adit / plain | packets: adit / coturn "
          "| CPU: coturn / adit |")
    print("|---|---|---|---|---|")
    for n in pairs:
        def of_relay(relay, test, name):
            return of.get((underlay, relay, n, test, name)) or float("nan")
        adit = of_relay("adit", "bulk", "gbit")
        print(f"| {n} | {adit / of_relay('coturn', 'bulk', 'gbit'):.1f} "
              f"| {100 * adit / of_relay('plain', 'bulk', 'gbit'):.0f} % "
              f"| {of_relay('adit', 'small', 'mpps') / of_relay('coturn', 'small', 'mpps'):.1f} "
              f"| {of_relay('coturn', 'bulk', 'cpu') / of_relay('adit', 'bulk', 'cpu'):.1f} |")


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
