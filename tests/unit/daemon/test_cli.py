#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# test_cli.py - the real adit against canned answers: output and exit status
#
# usage: test_cli.py PATH-OF-ADIT
#
# Each row gives the lines that a daemon would answer; the request that adit sent is
# checked too. Speaks TAP.
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import threading

ADIT = sys.argv[1]
FOLDER = tempfile.mkdtemp(prefix="test_cli.")
SOCKET = os.path.join(FOLDER, "s")
DIRECT = {"kind": "direct", "remote": "203.0.113.7:41641", "relay": None,
          "rtt_ms": 12.1, "mtu": 1400, "loss": 0, "since_s": 9}
RELAY = {"kind": "relay", "remote": None, "relay": "fra", "rtt_ms": 30,
         "mtu": 1400, "loss": 0, "since_s": 2, "reason": "both NATs hard"}
NONE = {"kind": "none", "remote": None, "relay": None, "rtt_ms": None}
STATUS = {
    "version": 1, "state": "running",
    "self": {"name": "a", "key": "k", "addresses": ["100.90.0.1", "fd00::1"]},
    "coord": {"url": "https://192.0.2.1:8443", "connected": True},
    "peers": [
        {"name": "web", "key": "w", "addresses": ["100.90.0.2"],
         "online": True, "path": DIRECT},
        {"name": "longer-name", "key": "x", "addresses": ["100.90.0.30"],
         "online": True, "path": RELAY},
        {"name": "e\u00e9\x1b[2J", "key": "y", "addresses": [],
         "online": False, "path": NONE},
    ]}


def ok(result):
    return {"ok": True, "result": result}


def event(seq, rtt, path):
    return {"event": {"seq": seq, "rtt_ms": rtt, "path": path}}


def ping_result(*events):
    replies = [e["event"] for e in events]
    lost = sum(r["rtt_ms"] is None for r in replies)
    return ok({"peer": "web", "replies": replies, "sent": len(replies),
               "lost": lost})


class Daemon:
    """Answers so many connections with the given lines, each, then closes."""

    def __init__(self, lines, connections=1):
        self.request = None  # the last
        self.connections = connections
        self.lines = lines
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(SOCKET)
        self.listener.listen(1)
        self.listener.settimeout(20)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            for _ in range(self.connections):
                self.answer(self.listener.accept()[0])
        except OSError:
            pass  # adit had enough, or never came

    def answer(self, conn):
        with conn, conn.makefile("rb") as f:
            self.request = json.loads(f.readline())
            for line in self.lines:
                if not isinstance(line, bytes):
                    line = json.dumps(line).encode() + b"\n"
                conn.sendall(line)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)
        os.unlink(SOCKET)


def run(args, stdin=""):
    return subprocess.run([ADIT, "--socket", SOCKET, *args], input=stdin,
                          capture_output=True, text=True, timeout=30)


def ask(args, lines, stdin="", connections=1):
    daemon = Daemon(lines, connections)
    try:
        return run(args, stdin), daemon
    finally:
        daemon.close()


E1 = event(1, 30.0, RELAY)
E2 = event(2, None, NONE)
E3 = event(3, 12.1, DIRECT)
E4 = event(4, 11.0, DIRECT)

# name, arguments, answer, exit status, request or None, [parts of stdout or
# stderr], [what neither may hold]
ROWS = [
    ("up", ["up"], [ok({})], 0, {"cmd": "up"}, [], []),
    ("down", ["down"], [ok({})], 0, {"cmd": "down"}, [], []),
    ("leave", ["leave"], [ok({})], 0, {"cmd": "leave"}, [], []),
    ("join", ["join", "adit1:x", "--hostname", "h", "--wait"],
     [ok({"name": "h", "addresses": ["100.90.0.1"]})], 0,
     {"cmd": "join", "invite": "adit1:x", "hostname": "h", "wait": True},
     ["joined as h 100.90.0.1\n"], []),
    ("join, no name", ["join", "--", "-x"], [ok({"name": "h"})], 0,
     {"cmd": "join", "invite": "-x", "hostname": None, "wait": False},
     ["joined as h\n"], []),
    ("join refused", ["join", "adit1:x"],
     [{"ok": False, "error": "the invite was used already; ask for another"}],
     1, None, ["adit: the invite was used already; ask for another\n"], []),
    ("needs join", ["up"],
     [{"ok": False, "error": "not joined", "code": "needs-join"}], 5, None,
     ["adit: not joined\n"], []),
    ("status", ["status"], [ok(STATUS)], 0, {"cmd": "status"},
     ["a  100.90.0.1  connected to https://192.0.2.1:8443\n",
      "NAME         ADDRESS      PATH                      RTT      WHY\n",
      "web          100.90.0.2   direct 203.0.113.7:41641  12.1 ms  \n",
      "longer-name  100.90.0.30  relay fra                 30.0 ms  "
      "both NATs hard\n",
      "e\u00e9?[2J       -            none                      -        offline\n"],
     ["\x1b"]),
    ("bare is status", [], [ok(STATUS)], 0, {"cmd": "status"},
     ["longer-name"], []),
    ("status, needs join", ["status"], [ok({"state": "needs-join"})], 0, None,
     ["adit join INVITE"], []),
    ("status, stopped", ["status"], [ok({"state": "stopped", "self": {}})], 0,
     None, ["adit up"], []),
    ("status, no peers", ["status"], [ok({"state": "running", "peers": []})],
     0, None, ["no peers yet"], []),
    ("status of other types", ["status"],
     [ok({"state": 7, "peers": [1, [], {"path": "x", "addresses": 3}],
          "self": []})], 0, None, ["NAME"], []),
    ("event before a status", ["status"], [{"event": {}}, ok(STATUS)], 0, None,
     ["longer-name"], []),
    ("ping", ["ping", "web", "-c", "3"], [E1, E2, E3, ping_result(E1, E2, E3)],
     0, {"cmd": "ping", "peer": "web", "count": 3, "until_direct": False},
     ["seq=1 30.0 ms relay fra\nseq=2 lost\n"
      "seq=3 12.1 ms direct 203.0.113.7:41641\n"], []),
    ("ping until direct", ["ping", "--until-direct", "web"], [E1, E3, E4], 0,
     {"cmd": "ping", "peer": "web", "count": 30, "until_direct": True},
     ["seq=3 12.1 ms direct"], ["seq=4"]),
    ("ping never direct", ["ping", "web", "--until-direct", "-c", "1"],
     [E1, ping_result(E1)], 1, None, ["seq=1", "adit: no direct path to web"],
     []),
    ("ping lost", ["ping", "web"], [E2, ping_result(E2)], 1,
     {"cmd": "ping", "peer": "web", "count": 4, "until_direct": False},
     ["seq=2 lost\n", "adit: no reply from web"], []),
    ("why", ["why", "web"],
     [ok({"peer": "web", "path": RELAY, "local": {"mapping": "hard"},
          "remote": {}, "tried": [{"what": "punch", "outcome": "no answer"}],
          "next_try_s": 7, "advice": "Open UDP."})], 0,
     {"cmd": "why", "peer": "web"},
     ["web  relay fra  30.0 ms\n", "  mapping: hard\n", "  punch: no answer\n",
      "next try in 7 s\n", "Open UDP.\n"], []),
    ("netcheck", ["netcheck"],
     [ok({"udp": True, "ipv4": {"public": "192.0.2.9:1", "nat_levels": 1},
          "ipv6": {}, "nat64": None, "portmap": {"pcp": False},
          "relays": [{"name": "fra", "rtt_ms": 9, "udp": False}]})], 0,
     {"cmd": "netcheck"}, ["192.0.2.9:1", "PCP            no", "(no UDP)"], []),
    ("set", ["set", "hostname", "web"], [ok({})], 0,
     {"cmd": "set", "key": "hostname", "value": "web"}, [], []),
    ("set, not permitted", ["set", "hostname", "web"],
     [{"ok": False, "error": "only root", "code": "not-permitted"}], 4, None,
     ["adit: only root\n"], []),
    ("dump", ["dump"], [ok(STATUS)], 0, {"cmd": "status"},
     ["a\tk\t100.90.0.1,fd00::1\trunning\thttps://192.0.2.1:8443\tyes\n",
      "web\tw\t100.90.0.2\tyes\tdirect\t203.0.113.7:41641\t-\t12.1\t-\t-\t-\n",
      "e\u00e9?[2J\ty\t-\tno\tnone\t-\t-\t-\t-\t-\t-\n"], ["\x1b"]),
    ("version", ["version"], [ok({"aditd": "9.9"})], 0, {"cmd": "version"},
     ["adit ", "aditd 9.9\n"], []),
    ("complete a peer", ["complete", "ping"], [ok(STATUS)], 0, None,
     ["--until-direct\n", "web\nlonger-name\n"], []),
    ("no JSON", ["up"], [b"hello\n"], 1, None, ["no JSON object"], []),
    ("no object", ["up"], [[1]], 1, None, ["no JSON object"], []),
    ("no result", ["up"], [{"ok": True}], 1, None, ["no result"], []),
    ("no reason", ["up"], [{"ok": 1}], 1, None, ["did not say why"], []),
    ("closed", ["up"], [], 1, None, ["closed without an answer"], []),
    ("closed inside", ["up"], [b'{"ok":tr'], 1, None, ["closed without"], []),
    ("escape in an error", ["up"], [{"ok": False, "error": "a\x1b[1m\nb"}], 1,
     None, ["adit: a?[1m?b\n"], ["\x1b"]),
]

USAGE = [["frob"], ["--frob"], ["join"], ["ping"], ["ping", "a", "b"],
         ["up", "--json"], ["ping", "a", "-c"], ["ping", "a", "-c", "0"],
         ["ping", "a", "-c", "x"], ["status", "--json=1"], ["up", "now"],
         ["set"], ["set", "hostname"], ["set", "a", "b", "c"],
         ["--socket", ""], ["--socket", "x" * 200, "up"]]

count = failed = 0


def check(name, good, seen=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print("# " + str(seen).replace("\n", "\n# "))


def on_terminal(**more):
    """what status prints on a terminal"""
    daemon = Daemon([ok(STATUS)])
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    master, slave = pty.openpty()
    try:
        with subprocess.Popen([ADIT, "--socket", SOCKET, "status"], stdout=slave,
                              env={**env, **more}) as p:
            os.close(slave)
            text = b""
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
                if not part:
                    break
                text += part
        return text.decode(), p.returncode
    finally:
        os.close(master)
        daemon.close()


def colours():
    for name, more, wanted in (("a terminal", {}, True),
                               ("NO_COLOR", {"NO_COLOR": "1"}, False),
                               ("an empty NO_COLOR", {"NO_COLOR": ""}, True)):
        text, status = on_terminal(**more)
        check("colours: " + name, status == 0 and "longer-name" in text
              and ("\x1b[" in text) == wanted, text)


COMPLETION = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../../../scripts/completion/adit.bash")


def completion():
    """what bash offers behind the words, by the file that is installed"""
    for words, wanted, unwanted in (
            (["p"], "ping", "web"), (["ping", "w"], "web", "longer-name"),
            (["why", ""], "longer-name", "status"),
            (["ping", "--u"], "--until-direct", "web")):
        daemon = Daemon([ok(STATUS)])
        words = ["--socket", SOCKET, *words]
        script = (f". '{COMPLETION}'; COMP_WORDS=('{ADIT}' "
                  + " ".join(f"'{w}'" for w in words)
                  + f"); COMP_CWORD={len(words)}; _adit; "
                  + "printf '%s\\n' \"${COMPREPLY[@]}\"")
        try:
            r = subprocess.run(["bash", "-c", script], capture_output=True,
                               text=True, timeout=30, check=False)
        finally:
            daemon.close()
        offered = r.stdout.split("\n")
        check("completion: " + " ".join(words[2:]), wanted in offered
              and unwanted not in offered, r)


KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
INVITE = "adit1:AS_IGOnothingthatanybodymayread"


def bugreport():
    """keys and invites are in what it reads, and not in what it prints"""
    journal = os.path.join(FOLDER, "journalctl")
    with open(journal, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\necho 'aditd: peer {KEY} at 192.0.2.77:41641'\n"
                f"echo 'aditd: joins by {INVITE}'\n")
    os.chmod(journal, 0o755)
    status = dict(STATUS, self=dict(STATUS["self"], key=KEY), peers=[])
    path = os.environ["PATH"]
    os.environ["PATH"] = FOLDER + ":" + path
    try:
        for args in ([], ["--redact-addresses"]):
            r, daemon = ask(["bugreport", *args], [ok(status)], connections=2)
            text = r.stdout + r.stderr
            check("bugreport " + " ".join(args), r.returncode == 0
                  and daemon.request == {"cmd": "netcheck"}
                  and "aditd: peer [key " in text
                  and not any(s in text for s in (KEY, KEY[:8], INVITE[6:14]))
                  and ("192.0.2.77" in text) == (not args)
                  and ("100.90.0.1" in text) == (not args), r)
    finally:
        os.environ["PATH"] = path
        os.remove(journal)


def main():
    for name, args, lines, status, request, parts, never in ROWS:
        r, daemon = ask(args, lines)
        text = r.stdout + r.stderr
        good = (r.returncode == status
                and request in (None, daemon.request)
                and all(p in text for p in parts)
                and not any(n in text for n in never)
                and len(r.stderr.splitlines()) == (status != 0))
        check(name, good, f"{r} {daemon.request}")
    for args in (["status", "--json"], ["ping", "web", "--json"],
                 ["why", "web", "--json"], ["netcheck", "--json"]):
        whole = dict(STATUS, replies=[{"rtt_ms": 0.1, "path": DIRECT}])
        r, _ = ask(args, [E1, ok(whole)])
        check(" ".join(args), r.returncode == 0 and
              json.loads(r.stdout) == whole and "\u00e9" in r.stdout, r)
    r, daemon = ask(["join", "-"], [ok({"name": "h"})], "  adit1:y \n")
    check("join from stdin", daemon.request["invite"] == "adit1:y", r)
    big = dict(STATUS, peers=STATUS["peers"] * 5000)
    r, _ = ask(["status", "--json"], [ok(big)])
    check("a long answer", r.returncode == 0 and json.loads(r.stdout) == big)
    for args in USAGE:
        r = run(args)
        check("usage " + " ".join(args)[:30], r.returncode == 2
              and len(r.stderr.splitlines()) == 1 and not r.stdout, r)
    r = run(["up"])
    check("no daemon", r.returncode == 3 and r.stderr ==
          f"adit: aditd is not running (no answer at {SOCKET}); start it "
          "with: systemctl start aditd\n", r)
    r = run(["version"])
    check("version alone", r.returncode == 0 and not r.stderr, r)
    r = run(["--help"])
    check("help", r.returncode == 0 and "ping PEER [-c N]" in r.stdout
          and "complete" not in r.stdout.replace("completion", ""), r)
    r = run(["complete"])
    check("complete", "netcheck\n" in r.stdout and "help" not in r.stdout, r)
    colours()
    completion()
    bugreport()
    os.rmdir(FOLDER)
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
