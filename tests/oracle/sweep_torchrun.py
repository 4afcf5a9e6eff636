#!/usr/bin/env python3
"""Workers under torchrun do one sweep: undisturbed, with one that is killed and the group restarted, with one that
hangs, and without a store. The merged rows are the bytes of a single process's run.

usage: sweep_torchrun.py ARRCOC        exit 0 when all agrees, 1 on any mismatch. Without torch (its torchrun, or a program built without
it) nothing is tried, and that is said.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import checks
import sweep_resume
from checks import check
from sweep_resume import PROGRAM, make_data, same

PICTURES, WORKERS = 24, 3
PRODUCT = (*sweep_resume.PRODUCT, "run.json")
CLEAN = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE") and not k.startswith("TORCHELASTIC")}


def run(*args, env=CLEAN, **options):
    return sweep_resume.run(*args, env=env, **options)


def units(folder):
    file = folder / "units.jsonl"
    return [json.loads(line)["unit"] for line in file.read_text().splitlines()] if file.exists() else []


def count(out):
    return sum(len(units(out / f"rank{r}")) for r in range(WORKERS))


def until(true, seconds, what):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    check(true(), what)


def workers_of(agent):
    """Process ids of an agent's workers."""
    out = []
    for task in pathlib.Path(f"/proc/{agent}/task").glob("*/children"):
        out += [int(p) for p in task.read_text().split()]
    return [p for p in out if pathlib.Path(f"/proc/{p}/exe").exists() and os.path.realpath(f"/proc/{p}/exe") == PROGRAM]


def rank_of(pid):
    env = dict(v.split("=", 1) for v in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in v)
    return int(env["RANK"]), int(env["TORCHELASTIC_RESTART_COUNT"])


class Store:
    """Outside of every agent; it stays when they go."""

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM, "store", "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.address = "127.0.0.1:" + self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        check(self.process.wait(timeout=30) == 0, f"the store's status {self.process.returncode}")


def torchrun(sweep, out, store, restarts, lease=60):
    command = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--standalone", "--max-restarts", str(restarts), "--monitor-interval", "0.1",
               "--nproc-per-node", str(WORKERS), PROGRAM, *map(str, sweep), "--out", str(out), "--store", store, "--lease", str(lease)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=CLEAN)


def merged(top, name, whole, out, process):
    told = process.communicate(timeout=300)[0]
    check(process.returncode == 0, f"{name}: torchrun's status {process.returncode}: {told[-600:]}")
    parts = sorted(out.glob("rank*"))
    run("merge", *parts, "--out", top / f"{name}_merged", "-q")
    same(top / f"{name}_merged", whole, name, PRODUCT)
    done = [units(p) for p in parts]
    check(sorted(set(sum(done, []))) == list(range(PICTURES)), f"{name}: units {done}")
    return done


def main():
    try:
        import torch.distributed.run  # noqa: F401
    except ImportError:
        print("sweep_torchrun: SKIPPED, this python has no torch")
        return 77
    if "is not built into" in subprocess.run([PROGRAM, "store", "--port", "-1"], capture_output=True, text=True, timeout=60, env=CLEAN).stderr:
        print("sweep_torchrun: SKIPPED, a program without torch has no store")
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        run("demo-model", "--out", top / "demo", "--seed", 3)
        data, _ = make_data(top, PICTURES)
        sweep = ["sweep", "-m", top / "demo", "--data", data, "-n", 4, "-t", 1, "--pipeline", "full,three_ways,random,oracle", "--keep-ratio", "0.25,0.5", "--seed", "0:5"]
        whole = top / "whole"
        run(*sweep, "--out", whole)

        with Store() as store:
            # undisturbed
            done = merged(top, "calm", whole, top / "calm", torchrun(sweep, top / "calm", store.address, 0))
            check(sum(map(len, done)) == PICTURES, f"calm: a unit was done twice: {done}")
            check(sum(bool(d) for d in done) >= 2, f"calm: one worker did all: {done}")

            # one is killed in the middle, the group restarts
            out = top / "killed"
            p = torchrun(sweep, out, store.address, 3)
            until(lambda: count(out) >= 3 or p.poll() is not None, 120, "killed: units")
            victims = [(pid, rank_of(pid)) for pid in workers_of(p.pid)]
            check(sorted(r for _, (r, _) in victims) == list(range(WORKERS)), f"killed: workers {victims}")
            before = count(out)
            os.kill(victims[0][0], signal.SIGKILL)
            until(lambda: any(rank_of(x)[1] == 1 for x in workers_of(p.pid)) or p.poll() is not None, 120, "killed: a second group")
            done = merged(top, "killed", whole, out, p)
            check(before < PICTURES, f"killed: {before} units before, too late")
            check(sum(map(len, done)) == PICTURES, f"killed: a unit of the dead group was done twice: {done}")

            # one hangs: its unit goes to another, and is there once
            out = top / "hung"
            p = torchrun(sweep, out, store.address, 0, lease=2)
            until(lambda: count(out) >= 2 or p.poll() is not None, 120, "hung: units")
            victim = next((x for x in workers_of(p.pid)), 0)
            rank = rank_of(victim)[0] if victim else -1
            if victim:
                os.kill(victim, signal.SIGSTOP)
            mine = units(out / f"rank{rank}")
            others = lambda: set(sum([units(out / f"rank{r}") for r in range(WORKERS) if r != rank], []))
            until(lambda: others() | set(mine) == set(range(PICTURES)), 120, f"hung: the others did not do the rest")
            check(victim != 0 and len(mine) < PICTURES, "hung: too late")
            if victim:
                os.kill(victim, signal.SIGCONT)
            merged(top, "hung", whole, out, p)

            # two agents, as on two machines
            out = top / "nodes"
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            agents = [subprocess.Popen([sys.executable, "-m", "torch.distributed.run", "--no-python", "--nnodes", "2", "--node-rank", str(n), "--master-addr", "127.0.0.1",
                                        "--master-port", str(port), "--nproc-per-node", "2", PROGRAM, *map(str, sweep), "--out", str(out), "--store", store.address],
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=CLEAN) for n in (0, 1)]
            told = agents[1].communicate(timeout=300)[0]
            check(agents[1].returncode == 0, f"nodes: the second agent's status {agents[1].returncode}: {told[-600:]}")
            check(len(merged(top, "nodes", whole, out, agents[0])) == 4, "nodes: four workers")

            # an agent that is ended whole, and begun anew with the same store
            out = top / "ended"
            p = torchrun(sweep, out, store.address, 0, lease=2)
            until(lambda: count(out) >= 3 or p.poll() is not None, 120, "ended: units")
            p.terminate()
            p.communicate(timeout=120)
            check(p.returncode != 0, "ended: too late")
            merged(top, "ended", whole, out, torchrun(sweep, out, store.address, 0, lease=2))

        # no store, a store that dies, torchrun without a store, flags
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            free = s.getsockname()[1]
        none = run(*sweep, "--out", top / "none", "--store", f"127.0.0.1:{free}", status=1)
        check("expected a store that answers" in none.stderr and none.stderr.count("\n") == 1 and not (top / "none").exists(), f"no store: {none.stderr}")
        with Store() as store:
            p = subprocess.Popen([PROGRAM, *map(str, sweep), "--out", str(top / "lost"), "--store", store.address, "--lease", "1", "-q"], stderr=subprocess.PIPE, text=True, env=CLEAN)
            until(lambda: units(top / "lost" / "rank0") or p.poll() is not None, 120, "a store that dies: units")
        err = p.communicate(timeout=120)[1]
        check(p.returncode == 1 and "expected a store that answers" in err and len([x for x in err.splitlines() if x]) == 1, f"a store that dies: {p.returncode}: {err[-1500:]}")
        check(0 < len(units(top / "lost" / "rank0")) < PICTURES, "a store that dies: what is done stays")
        with Store() as store:  # one that hangs with its connections open: half a minute, and the same sentence
            hung = [*map(str, sweep), "--out", str(top / "stopped"), "--store", store.address, "--lease", "1", "-q"]
            p = subprocess.Popen([PROGRAM, *hung], stderr=subprocess.PIPE, text=True, env=CLEAN)
            until(lambda: units(top / "stopped" / "rank0") or p.poll() is not None, 120, "a store that hangs: units")
            os.kill(store.process.pid, signal.SIGSTOP)
            since, err = time.monotonic(), p.communicate(timeout=120)[1]
            check(p.returncode == 1 and "expected a store that answers" in err and time.monotonic() - since < 60, f"a store that hangs: {p.returncode} after {time.monotonic() - since:.0f} s: {err[-1500:]}")
            os.kill(store.process.pid, signal.SIGCONT)
            run(*hung)
            check(sorted(units(top / "stopped" / "rank0")) == list(range(PICTURES)), "a store that hung: the same command goes on")
        with Store() as store:  # a new one knows nothing: what the folder holds is not done again
            run(*sweep, "--out", top / "lost", "--store", store.address, "-q")
            check(sorted(units(top / "lost" / "rank0")) == list(range(PICTURES)), "with a new store: the rest")
        alone = run(*sweep, "--out", top / "none", status=2, env=CLEAN | {"TORCHELASTIC_RUN_ID": "x", "RANK": "0"})
        check("--store" in alone.stderr and not (top / "none").exists(), f"torchrun without a store: {alone.stderr}")
        for flags, word in {("--store", "nowhere"): "host:port", ("--store", "127.0.0.1:1", "--shard", "1/2"): "exclude", ("--store", f"127.0.0.1:{free}", "--lease", "0"): "--lease"}.items():
            check(word in run(*sweep, "--out", top / "none", *flags, status=2).stderr, f"{flags}")
    print(f"sweep_torchrun: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
