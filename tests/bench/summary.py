#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""summary.py BUSY FILE... - docs/benchmarks.md from the lines of measure.sh

Lines before which others used more than BUSY percent of the machine are left out. Each
FILE is one run; a topology that two of them measured is shown once for each, for rates of
different hours must not share a median.
"""
import collections
import os
import statistics
import subprocess
import sys

BASE = "wg:wireguard-go-backports"
UNDERLAYS = {"whole": "UDP trains carried whole", "gro": "a 1,500-octet wire with GRO"}
TESTS = {
    "tcp1": ("one TCP stream", "Gbit/s"),
    "tcp4": ("four TCP streams", "Gbit/s"),
    "rev": ("one TCP stream, the other way", "Gbit/s"),
    "udp1g": ("UDP of 1,400 octets at 1 Gbit/s", "Gbit/s"),
    "udp": ("UDP of 1,400 octets, as fast as it goes", "Gbit/s"),
    "udp64": ("UDP of 64 octets of payload, as fast as it goes", "million packets/s"),
    "ping": ("2,000 pings on an idle tunnel", "ms"),
    "load": ("ping beside one TCP stream", "ms"),
}
AGAIN = ", again"  # behind a topology, once for each run that measured it before
FIELDS = "rate loss rtt daemon relay system gb busy".split()


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def read(files, limit):
    rows = collections.defaultdict(list)
    notes = {}
    runs = collections.defaultdict(list)
    left_out = total = 0
    for name, line in ((name, line) for name in files for line in open(name)):
        c = line.rstrip("\n").split("\t")
        if len(c) not in (6, 13):
            continue
        if name not in runs[c[0]]:
            runs[c[0]].append(name)
        c[0] += AGAIN * runs[c[0]].index(name)
        if len(c) == 6:
            notes[(c[0], c[1], c[3], c[4])] = number(c[5])
            continue
        total += 1
        row = dict(zip(FIELDS, c[5:]))
        if number(row["busy"]) > limit:
            left_out += 1
            continue
        rows[(c[0], c[1], c[4])].append((c[3], row))
    return rows, notes, left_out, total


def of_tunnel(rows, tunnel):
    return [row for name, row in rows if name == tunnel]


def per_gb(rows, field):
    v = [number(r[field]) / number(r["gb"]) for r in rows if (number(r["gb"]) or 0) > 0]
    return statistics.median(v) if v else None


def values(rows, field):
    v = [number(r[field].split("/")[0]) for r in rows]
    return [x for x in v if x is not None]


def show(x, digits=2):
    return "-" if x is None else f"{x:.{digits}f}"


def spread(v, digits=2):
    if not v:
        return "-"
    f = f"{{:.{digits}f}}"
    return f"{f.format(statistics.median(v))} ({f.format(min(v))}-{f.format(max(v))})"


def table(head, lines):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


def rate_lines(rows, test, relayed):
    names = list(dict.fromkeys(name for name, _ in rows))
    base = values(of_tunnel(rows, BASE), "rate")
    base_cpu = per_gb(of_tunnel(rows, BASE), "daemon")
    for name in names:
        mine = of_tunnel(rows, name)
        rate = values(mine, "rate")
        cpu = per_gb(mine, "daemon")
        line = [name, str(len(mine)), spread(rate)]
        line.append(show(statistics.median(rate) / statistics.median(base)) if rate and base else "-")
        if test.startswith("udp"):
            line.append(spread(values(mine, "loss")))
        line.append(show(cpu))
        line.append(show(cpu / base_cpu) if cpu and base_cpu else "-")
        if relayed:
            line.append(show(per_gb(mine, "relay")))
        line.append(show(per_gb(mine, "system")))
        yield line


def rate_table(rows, test, relayed):
    head = ["tunnel", "n", TESTS[test][1], "ratio"]
    if test.startswith("udp"):
        head.append("loss %")
    head += ["daemons' CPU s/GB", "ratio"] + (["relay's CPU s/GB"] if relayed else [])
    table(head + ["machine's CPU s/GB"], rate_lines(rows, test, relayed))


def ping_table(rows, test):
    lines = []
    for name in dict.fromkeys(name for name, _ in rows):
        mine = of_tunnel(rows, name)
        line = [name, str(len(mine)), spread(values(mine, "rtt"), 3)]
        if test == "load":
            worst = [number(r["rtt"].split("/")[1]) for r in mine if "/" in r["rtt"]]
            line += [show(max(worst)) if worst else "-", spread(values(mine, "rate"))]
        lines.append(line)
    head = ["tunnel", "n", "mean RTT, ms"]
    table(head + (["worst RTT, ms", "Gbit/s meanwhile"] if test == "load" else []), lines)


def notes_table(notes):
    keys = dict.fromkeys(k[:3] for k in notes)
    lines = []
    for k in keys:
        mib = [notes.get(k + (w,)) for w in ("rss_idle", "rss_loaded")]
        lines.append(["/".join(k[:2]), k[2]] +
                     [show(m / 1024 if m else None, 1) for m in mib] +
                     [show(notes.get(k + ("idle_s",)), 3)])
    print("## Memory and idling, of one daemon\n")
    table(["topology", "tunnel", "MiB at first", "MiB after all tests", "idle, CPU s a minute"], lines)


# ---- what is aimed at ----

WHOLE, GRO = ("direct", "whole"), ("direct", "gro")


class Targets:
    """One line for each: what is asked, what the rows and notes say."""

    def __init__(self, rows, notes):
        self.rows, self.notes, self.lines = rows, notes, []

    def median(self, place, test, tunnel, field="rate"):
        mine = of_tunnel(self.rows.get((*place, test), []), tunnel)
        if field == "cpu":
            return per_gb(mine, "daemon")
        v = values(mine, field)
        return statistics.median(v) if v else None

    def add(self, text, place, asked, sign, value, unit=""):
        if value is None:
            return
        met = value >= asked if sign == ">=" else value <= asked
        word = "at least" if sign == ">=" else "at most"
        self.lines.append([f"{text}, {place}", f"{word} {asked}{unit}", f"{value:.3g}{unit}",
                           "yes" if met else "**no**"])

    def ratio(self, text, place, test, mine, other, asked, sign=">=", field="rate"):
        a, b = (self.median(place, test, t, field) for t in (mine, other))
        self.add(text, "/".join(place), asked, sign, a / b if a and b else None)

    def plain(self, text, place, test, tunnel, field, asked, unit=""):
        self.add(text, "/".join(place), asked, "<=", self.median(place, test, tunnel, field), unit)

    def of_rates(self):
        for place, cpu, aes in ((WHOLE, 1.35, 3.2), (GRO, 1.65, 2.7)):
            for test in ("tcp1", "tcp4", "rev"):
                name = TESTS[test][0]
                self.ratio(f"{name}: adit / wireguard-go", place, test, "adit", BASE, 2.2)
                self.ratio(f"{name}: adit / forwarder with its AEAD", place, test, "adit", "forwarder:chacha", 0.95)
                self.ratio(f"{name}: adit-mesh / forwarder with its AEAD", place, test, "adit-mesh", "forwarder:aes", 0.95)
            self.plain("one TCP stream: adit, both daemons' CPU", place, "tcp1", "adit", "cpu", cpu, " s/GB")
            self.ratio("one TCP stream: adit-mesh (AES-256-GCM) / wireguard-go", place, "tcp1", "adit-mesh", BASE, aes)
            self.ratio("one TCP stream: adit-mesh without AVX-512 / wireguard-go", place, "tcp1", "adit-mesh:ipsec-mb-avx2", BASE, 2.6)
        for underlay in UNDERLAYS:
            self.ratio("one TCP stream: adit / wireguard-go", ("nat", underlay), "tcp1", "adit", BASE, 2.5)

    def of_packets(self):
        for place in (WHOLE, GRO):
            self.ratio("UDP at 1 Gbit/s: CPU per GB, adit / wireguard-go", place, "udp1g", "adit", BASE, 0.2, "<=", "cpu")
            self.plain("UDP at 1 Gbit/s: adit, loss", place, "udp1g", "adit", "loss", 0.3, " %")
            self.ratio("UDP of 64 octets: adit / wireguard-go", place, "udp64", "adit", BASE, 3)
            self.ratio("mean ping: adit / nebula", place, "ping", "adit", "nebula", 1, "<=", "rtt")
            self.ratio("mean ping: adit / fastd", place, "ping", "adit", "fastd:null", 1.4, "<=", "rtt")
            self.plain("ping beside one TCP stream: adit", place, "load", "adit", "rtt", 2.2, " ms")
            self.plain("ping beside one TCP stream: adit-mesh", place, "load", "adit-mesh", "rtt", 2.2, " ms")

    def of_size(self):
        for place in (WHOLE, GRO):
            for t in ("adit", "adit-mesh"):
                for note, text, asked in (("rss_loaded", "memory after all tests", 12), ("rss_idle", "memory at rest", 6)):
                    kib = self.notes.get((*place, t, note))
                    self.add(f"{t}: {text}", "/".join(place), asked, "<=", kib and kib / 1024, " MiB")
                self.add(f"{t}: CPU at rest", "/".join(place), 0.02, "<=", self.notes.get((*place, t, "idle_s")), " s/min")
            for run in (place, (place[0] + AGAIN, place[1])):
                self.ratio("10,000 peers, 100,000 routes: adit's rate", run, "tcp1", "adit-many:10000,10", "adit", 0.97)
                self.ratio("10,000 peers, 100,000 routes: adit's CPU per GB", run, "tcp1", "adit-many:10000,10", "adit", 1.03, "<=", "cpu")
            self.ratio("10,000 rules: adit-mesh's rate", place, "tcp1", "adit-rules:10000", "adit-mesh", 0.97)
            self.ratio("10,000 rules: adit-mesh's CPU per GB", place, "tcp1", "adit-rules:10000", "adit-mesh", 1.03, "<=", "cpu")


def targets_table(rows, notes):
    t = Targets(rows, notes)
    t.of_rates()
    t.of_packets()
    t.of_size()
    if t.lines:
        print("## Targets\n")
        table(["what", "asked", "measured", "met"], t.lines)


def command(*args):
    try:
        return subprocess.run(args, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def machine():
    cpu = dict(line.split(":", 1) for line in command("lscpu").splitlines() if ":" in line)
    flags = cpu.get("Flags", "").split()
    wanted = [f for f in ("aes", "avx2", "avx512f", "avx512ifma", "vaes", "vpclmulqdq", "gfni") if f in flags]
    memory = next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    release = next((line.split("=")[1].strip().strip('"') for line in open("/etc/os-release")
                    if line.startswith("PRETTY_NAME")), "")
    print(f"* {os.cpu_count()} cores, {cpu.get('Model name', '').strip()}"
          f" (family {cpu.get('CPU family', '?').strip()}, model {cpu.get('Model', '?').strip()}),"
          f" hypervisor: {cpu.get('Hypervisor vendor', 'none').strip()}")
    print(f"* {' '.join(wanted)}; L2 {cpu.get('L2 cache', '?').strip()}, L3 {cpu.get('L3 cache', '?').strip()}")
    print(f"* {int(memory) // 1024} MiB of memory, Linux {os.uname().release}, {release}")
    packages = "wireguard-go nebula fastd openvpn tinc n2n libsodium23 libipsec-mb1 libssl3 iperf3".split()
    shown = command("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *packages)
    have = [" ".join(p.split()[:2]) for p in shown.splitlines() if p.endswith(" installed")]
    print(f"* {', '.join(have)}; wireguard-go-backports is the one of bookworm-backports")


INTRO = """\
<!-- Written by scripts/bench: change that. -->
# Benchmarks

Both hosts, both daemons and both ends of iperf3 share this one machine, in network
namespaces, so a rate here is what the sum of them can do with its cores; CPU seconds per GB
are what carries over to other machines. Every round does every test of every tunnel in
turn, so that a bad minute hits all. Figures are medians (least-greatest) of n rounds;
"ratio" is against wireguard-go of bookworm-backports in the same rounds. TCP is cubic
everywhere, the inner MTU 1420 (n2n: 1400). GB are 10^9 octets received.

`adit` is two nodes by configuration, with WireGuard's ChaCha20-Poly1305; `adit-mesh` is a
network with a coordination server, where nodes that are both fast at it use AES-256-GCM;
behind a colon: the implementation forced by `Aead`. `forwarder` moves packets by the same
device, offloads and sockets without a protocol, with or without encryption: the ceiling.
Where the time goes: [profile.md](profile.md).

The machine:
"""


def main():
    limit = float(sys.argv[1])
    rows, notes, left_out, total = read(sys.argv[2:], limit)
    print(INTRO)
    machine()
    print(f"\n{total} tests; {left_out} of them left out, because something else used"
          f" more than {limit:.0f} % of the machine before they began.\n")
    busy = [number(row["busy"]) for mine in rows.values() for _, row in mine]
    if busy and statistics.median(busy) > 15:
        print("**Others were at work**: before a test they used"
              f" {statistics.median(busy):.0f} % of the machine (median, 100 is all of it)."
              " Rates, loss and round trips are worse for everybody than they would be alone;"
              " ratios and CPU seconds per GB say more.\n")
    targets_table(rows, notes)
    done = None
    for (topology, underlay, test), mine in rows.items():
        if done != (topology, underlay):
            print(f"## {topology}, {UNDERLAYS.get(underlay, underlay)}\n")
            done = (topology, underlay)
        print(f"### {TESTS[test][0]}\n")
        if test in ("ping", "load"):
            ping_table(mine, test)
        else:
            rate_table(mine, test, topology.split(",")[0] in ("relay", "tls"))
    if notes:
        notes_table(notes)


main()
