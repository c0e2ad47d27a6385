# SPDX-License-Identifier: MIT
#
# test_cli.py - what an administrator types: exit statuses, one line of reason, JSON's version
#
#   test_cli.py ADIT-COORD MAN-PAGE     a server on loopback, in a folder that is removed
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

COORD, PAGE = sys.argv[1:]
count = failed = 0


def check(name, good, seen=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print("# " + str(seen).replace("\n", "\n# "))


def free_port():
    """two UDP ports in a row and the same TCP port, free a moment ago"""
    while True:
        with socket.socket() as tcp, \
                socket.socket(type=socket.SOCK_DGRAM) as a, \
                socket.socket(type=socket.SOCK_DGRAM) as b:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                a.bind(("0.0.0.0", port))
                b.bind(("0.0.0.0", port + 1))
            except (OSError, OverflowError):
                continue
            return port


# arguments, exit status, what the line of reason must hold
WRONG = [
    (["frobnicate"], 2, "frobnicate"),
    (["--frob"], 2, "frob"),
    (["--udp-port", "70000"], 2, "--udp-port '70000'"),
    (["invite", "--expires", "soon"], 2, "--expires"),
    (["invite", "--uses", "0"], 2, "--uses"),
    (["invite", "me"], 2, "me"),
    (["invite", "--tag", "no blanks"], 1, "tag"),
    (["nodes", "--xml"], 2, "--json"),
    (["status", "now"], 2, "now"),
    (["status", "--json", "now"], 2, "now"),
    (["remove"], 2, "remove"),
    (["remove", "nobody"], 1, "adit-coord nodes"),
    (["expire", "nobody"], 1, "adit-coord nodes"),
    (["revive", "nobody"], 1, "adit-coord nodes"),
    (["approve", "nobody"], 1, "adit-coord nodes"),
    (["set", "approve", "perhaps"], 1, "approve"),
    (["set", "key-expiry", "soon"], 1, "key-expiry"),
    (["relay", "add", "fra"], 2, "relay takes"),
    (["relay", "add", "fra", "192.0.2.1", "key"], 1, "key"),
    (["relay", "remove", "fra"], 1, "relay"),
    (["route", "approve", "nobody"], 2, "route takes"),
    (["route", "approve", "nobody", "192.168.1.0/24"], 1, "node"),
    (["wg-peer"], 2, "wg-peer"),
    (["wg-peer", "remove", "nobody"], 1, "wg-peer"),
    (["policy", "set"], 2, "policy"),
    (["policy", "set", "/nonexistent/policy"], 1, "/nonexistent/policy"),
    (["policy", "rollback"], 1, "policy"),
    (["restore", "/nonexistent/backup"], 1, "server runs"),
]


def wrong_input(run):
    for args, status, reason in WRONG:
        r = run(*args)
        check("wrong: " + " ".join(args), r.returncode == status and
              len(r.stderr.splitlines()) == 1 and reason in r.stderr, r)


def right_input(run, folder):
    for args in (["status", "--json"], ["nodes", "--json"],
                 ["relay", "list", "--json"], ["route", "list", "--json"],
                 ["wg-peer", "list", "--json"]):
        r = run(*args)
        good = r.returncode == 0 and not r.stderr
        check(" ".join(args) + " has a version",
              good and json.loads(r.stdout).get("version") == 1, r)
    r = run("invite", "--reusable", "--tag", "web")
    check("an invite is one line", r.returncode == 0 and
          re.fullmatch(r"adit1:\S+\n", r.stdout), r)
    policy = os.path.join(folder, "policy")
    with open(policy, "w", encoding="utf-8") as f:
        f.write("allow any to any\nallow tag:web too any\n")
    r = run("policy", "set", policy)
    check("a wrong policy is refused at its line", r.returncode == 1 and
          r.stderr.count(policy + ":2:") == 1, r)
    r = run("policy", "show")
    check("and nothing of it is in force", "too" not in r.stdout, r)
    r = run("backup", os.path.join(folder, "backup"))
    mode = os.stat(os.path.join(folder, "backup")).st_mode & 0o777
    check("a backup is for its owner", r.returncode == 0 and mode == 0o600,
          f"{r} {mode:o}")


def other_users(folder):
    mode = os.stat(os.path.join(folder, "admin.sock")).st_mode & 0o007
    check("others may not reach the admin socket", mode == 0, f"{mode:o}")


def page_is_whole(run):
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    r = run("--help")
    words = set(re.findall(r"(?:PATH\]|DIR\]|\|) +([a-z][a-z-]+)", r.stdout))
    words |= set(re.findall(r"--[a-z][a-z0-9-]+", r.stdout))
    words -= {"--help", "--version"}
    check("--help lists commands", {"invite", "policy", "wg-peer",
                                    "--listen"} <= words, words)
    missing = [w for w in sorted(words) if w not in page]
    check("the man page has all that --help lists", not missing, missing)
    for section in ("EXIT STATUS", "JSON"):
        check("the man page has " + section, f"\n# {section}\n" in page)


def main():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        path = os.path.join(folder, "admin.sock")

        def run(*args):
            return subprocess.run([COORD, "--state", folder, "--admin-socket",
                                   path, *args], capture_output=True,
                                  text=True, timeout=30, check=False)

        r = run("nodes")
        check("no server: said in one line", r.returncode == 1 and
              len(r.stderr.splitlines()) == 1 and path in r.stderr, r)
        with subprocess.Popen(
                [COORD, "--state", folder, "--admin-socket", path,
                 "--listen", f"127.0.0.1:{port}", "--udp-port", str(port),
                 "--url", f"https://127.0.0.1:{port}", "--log-level", "error"],
                stderr=subprocess.PIPE, text=True) as server:
            try:
                end = time.monotonic() + 20
                while run("status").returncode and time.monotonic() < end:
                    if server.poll() is not None:
                        break
                    time.sleep(0.02)
                right_input(run, folder)
                wrong_input(run)
                other_users(folder)
                page_is_whole(run)
            finally:
                server.terminate()
            said = server.stderr.read()
            check("told to stop, the server ends with 0",
                  server.wait(20) == 0, said)
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
