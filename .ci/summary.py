"""The ten slowest tests, what failed, what was skipped, and last of all one line of counts: summary.py TESTLOG.json..."""
import json
import pathlib
import sys

passed, failed, skipped, times, notes = 0, [], [], [], []
for file in map(pathlib.Path, sys.argv[1:]):
    folder = file.parent.parent.name
    label = "" if folder == "check" else f" [{folder}]"
    if not file.exists():
        failed.append(f"{file}: the tests did not run")
        continue
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        test = json.loads(line)
        name = test["name"].split(" / ", 1)[-1] + label
        times.append((test["duration"], name))
        notes += [line for line in (test.get("stdout") or "").splitlines() if line.startswith("time: ")]
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif test["result"] == "SKIP":
            reason = (test.get("stdout", "").strip().splitlines() or [""])[-1]
            skipped.append(f"{name}: {reason}" if reason else name)
        else:
            failed.append(f"{name} ({test['result']})")

print("\nslowest tests:")
for seconds, name in sorted(times, reverse=True)[:10]:
    print(f"  {seconds:7.1f} s  {name}")
for note in notes:
    print(note)
for title, names in (("skipped", skipped), ("failed", failed)):
    for name in names:
        print(f"{title}: {name}")
print(f"\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
sys.exit(1 if failed or passed == 0 else 0)
