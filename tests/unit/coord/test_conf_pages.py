# SPDX-License-Identifier: MIT
#
# test_conf_pages.py - a configuration's man page has the names that the program takes
#
#   test_conf_pages.py PROGRAM PAGE     starts nothing: --check alone
import os
import re
import subprocess
import sys
import tempfile

PROGRAM, PAGE = sys.argv[1:]
NO_NAMES = {"config", "check", "help", "version", "json"}
count = failed = 0


def check(name, good, seen=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print("# " + str(seen).replace("\n", "\n# "))


def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True,
                          timeout=30, check=False)


def check_text(folder, text):
    path = os.path.join(folder, "conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path, run("--config", path, "--check")


def main():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    wrong = int(re.search(r"exit status (\d)", page).group(1))
    names = set()
    for line in re.findall(r"^\*[a-z0-9-]+\*(?:, \*[a-z0-9-]+\*)*$", page, re.M):
        names.update(re.findall(r"\*([a-z0-9-]+)\*", line))
    # up to the commands, which have flags of their own
    text = re.split(r" (?:invite|status) ", run("--help").stdout)[0]
    flags = set(re.findall(r"--([a-z][a-z0-9-]+)", text)) - NO_NAMES
    check("--help lists names", len(flags) > 5, flags)
    check("the page has each", flags <= names, flags - names)
    check("and no other", names <= flags, names - flags)
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(names):
            path, r = check_text(folder, f"# first\n{name} = \n")
            check(f"{name}: known, and refused with its line when empty",
                  r.returncode == wrong and f"{path}:2:" in r.stderr
                  and len(r.stderr.splitlines()) == 1 and
                  "not known" not in r.stderr and
                  "no such" not in r.stderr, r)
        path, r = check_text(folder, "frob = 1\n")
        check("frob: not known", r.returncode == wrong and
              f"{path}:1:" in r.stderr, r)
        examples = re.findall(r"^```\n(.*?)^```$", page, re.M | re.S)
        check("there is an example", examples)
        for example in examples:
            _, r = check_text(folder, example)
            check("the example is good", r.returncode == 0, r)
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
