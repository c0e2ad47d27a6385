# SPDX-License-Identifier: MIT
#
# test_policy_docs.py - every example of docs/policy.md and adit-policy(5) is what they say it is
import re
import subprocess
import sys
import tempfile

coord, page, manual = sys.argv[1:]
with open(page, encoding="utf-8") as f:
    blocks = re.findall(r"^```(policy|refused)\n(.*?)^```$", f.read(), re.M | re.S)
with open(manual, encoding="utf-8") as f:
    examples = re.findall(r"^```\n(.*?)^```$", f.read(), re.M | re.S)
blocks += [("policy", text) for text in examples]


def check(text):
    with tempfile.NamedTemporaryFile("w", suffix=".policy") as f:
        f.write(text)
        f.flush()
        run = subprocess.run([coord, "--admin-socket", "/nonexistent/socket", "policy", "check", f.name],
                             capture_output=True, text=True)
        return run.returncode, run.stderr.replace(f.name + ":", "", 1).strip()


failed = 0
print(f"1..{len(blocks)}")
for i, (kind, text) in enumerate(blocks, 1):
    want = text.rstrip().splitlines()[-1][2:] if kind == "refused" else ""
    status, said = check(text)
    good = (status == 1 and said.startswith(want)) if want else (status == 0 and not said)
    print(f"{'ok' if good else 'not ok'} {i} - {kind}: {text.splitlines()[0]}")
    if not good:
        failed += 1
        print(f"# status {status}, said: {said}; wanted: {want}")
sys.exit(failed > 0 or len(blocks) < 10 or not examples)
