#!/usr/bin/env python3
"""The README says what is: its commands run, their output is compared, its code is in the examples, its links lead somewhere.

usage: readme.py PROGRAM
Numbers with a decimal point (times, memory) are masked, a line of one ellipsis stands for any lines, and build/quickstart for where the
run writes. Tables and links of the other pages are checked too.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "HISTORY.md", *[str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("*.md"))]]


def mask(line):
    line = re.sub(r"\d+\.\d+", "#", line)
    line = re.sub(r"# [kMGTP]\b", "#", line)
    line = re.sub(r"(peak memory bytes|load model) +\S+( [kMGT])?$", r"\1 #", line)
    return re.sub(r"\s+", " ", line).strip()


def same(expected, got):
    """Line by line; a line of one ellipsis matches any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if e == "…" else re.escape(mask(e)) + r"\n" for e in expected)
    return re.fullmatch(pattern, "".join(mask(g) + "\n" for g in got)) is not None


def main():
    program, failures, checked = str(pathlib.Path(sys.argv[1]).resolve()), [], 0
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as work:
        quick = f"./quickstart --program '{program}' --out '{work}/quickstart'"

        def translate(command):
            command = re.sub(r"^\./quickstart\b.*", quick, command)
            command = re.sub(r"^examples/ablation\b.*", f"examples/ablation --program '{program}' --out '{work}/ablation' --questions 4", command)
            command = re.sub(r"^(build/quickstart/tools/)?arrcoc ", f"'{program}' ", command)
            return command.replace("build/quickstart", f"{work}/quickstart").replace("own_scorer &&", f"{work}/own_scorer &&").replace("./own_scorer", f"{work}/own_scorer").replace("-o own_scorer", f"-o {work}/own_scorer")

        def run(command):
            return subprocess.run(["bash", "-c", translate(command) + " 2>&1"], cwd=ROOT, capture_output=True)
        # The order of the sections is fixed.
        order = [text.find(x) for x in ("A C++20", "allocator    K of N", "## Four commands", "## The output", "## Your own scorer", "## Further", "## Citation")]
        if -1 in order or order != sorted(order):
            failures.append("README.md: sections are missing or out of order")
        for command, expected in re.findall(r"```console\n\$ (.+)\n((?:.*\n)*?)```", text):
            done = run(command)
            got = done.stdout.decode("utf-8", "replace").replace(f"{work}/quickstart", "build/quickstart").splitlines()
            checked += 1
            if done.returncode or not same(expected.splitlines(), got):
                failures.append(f"README.md: $ {command}: ended with {done.returncode}\n--- stands there\n{expected}--- is\n" + "\n".join(got))
        for block in re.findall(r"```sh\n((?:.*\n)*?)```", text):
            for command in filter(None, (line.split("  #")[0].strip() for line in block.splitlines())):
                if command == "./check":  # this test is part of it
                    command = "./check --help"
                done = run(command)
                checked += 1
                if done.returncode:
                    failures.append(f"README.md: $ {command}: ended with {done.returncode}: {done.stdout[-500:].decode('utf-8', 'replace')}")
    examples = "\n".join(p.read_text() for p in (ROOT / "examples").glob("*.cpp"))
    for block in re.findall(r"```cpp\n((?:.*\n)*?)```", text):
        checked += 1
        if block not in examples:
            failures.append(f"README.md: this code is in no example:\n{block}")
        if block.count("\n") > 15:
            failures.append(f"README.md: a scorer in 15 lines has {block.count(chr(10))}")
    for page in PAGES:
        body = (ROOT / page).read_text(encoding="utf-8")
        prose = re.sub(r"```.*?```", "", body, flags=re.S)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
            if "://" not in target:
                checked += 1
                if not ((ROOT / page).parent / target).exists():
                    failures.append(f"{page}: the link {target} leads nowhere")
        for path in re.findall(r"`((?:include|src|tests|docs|examples|backends|tools|bench|\.ci)/[\w./-]+\.\w+)`", body):
            checked += 1
            if not (ROOT / path).exists() and "my_idea" not in path:
                failures.append(f"{page}: there is no {path}")
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name != "README.md" and f"({page.name})" not in (ROOT / "docs/README.md").read_text():
            failures.append(f"docs/README.md does not list {page.name}")
    print("\n".join(failures) + "\n" if failures else "", end="")
    print(f"readme: {checked} commands, blocks and links checked, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
