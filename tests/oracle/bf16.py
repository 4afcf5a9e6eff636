#!/usr/bin/env python3
"""bf16 arithmetic beside transformers' own: how far each is from transformers in float32, on the same bf16 weights.

usage: bf16.py PROGRAM [--backends eigen,torch] [--configs A,B]
For every configuration the logits of seven prompts, each at the prompt's end and over 16 forced tokens, from three sources: transformers
with dtype=float32 (the truth), with dtype=bfloat16, and PROGRAM with --dtype bf16. The root mean square difference of ours from the truth
may be at most 1.5 times that of transformers' bf16 in every configuration, and so may the largest one of all configurations together
(parts of the largest logit; a single extreme of a single configuration is chance).
Exit status: 0 all within, 1 not, 77 a Python package is missing or no backend of this program computes in bf16.
"""
import argparse
import copy
import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_checkpoints  # noqa: E402
from hf_parity import Program, cases, write_pictures  # noqa: E402
from hf_reference import Reference, np, torch, transformers  # noqa: E402

LIMIT = 1.5
DEFAULT = "untied_gqa4,heads64,sharded_bf16,deep_tower,vision72,moe_dense_layers,moe_released"


def distance(got, truth):
    d = np.asarray(got, np.float64) - np.asarray(truth, np.float64)
    return float(np.abs(d).max()), float(np.sqrt((d * d).mean()))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("--backends", default="eigen,torch"), p.add_argument("--configs", default=DEFAULT)
    a = p.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    failures, counted, worst, ids = 0, 0, {}, np.array([random.Random(5).randrange(256) for _ in range(16)], dtype=np.int64)
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        np.save(work / "forced.npy", ids)
        questions = cases(write_pictures(work / "pictures"))
        programs = {b: Program(a.program, b, work, "bf16") for b in a.backends.split(",")}
        for name in a.configs.split(","):
            make_checkpoints.CONFIGS[name] = dict(copy.deepcopy(make_checkpoints.CONFIGS[name]), dtype="bfloat16")
            folder = make_checkpoints.make(name, work / name)
            truth, theirs = Reference(folder), Reference(folder, torch.bfloat16)
            rows = {}
            for question in questions.values():
                inputs = truth.inputs(question)
                wanted = truth.forced(inputs, ids)
                rows.setdefault("transformers", []).append((theirs.forced(inputs, ids).float(), wanted))
                for backend in list(programs):
                    try:
                        dump = programs[backend].answer(folder, question, ["--pipeline", "full", "--force-ids", str(work / "forced.npy")])
                    except RuntimeError as e:
                        if "(E301)" not in str(e):
                            raise
                        print(f"skipped: {str(e).splitlines()[0][-200:]}", flush=True)
                        del programs[backend]
                        continue
                    rows.setdefault(backend, []).append((dump["logits"], wanted))
            far = {source: distance(np.concatenate([np.asarray(x) for x, _ in pairs]), np.concatenate([np.asarray(y) for _, y in pairs])) for source, pairs in rows.items()}
            scale = max(float(np.abs(np.asarray(y)).max()) for _, y in rows["transformers"])
            for source in far:
                worst[source] = max(worst.get(source, 0.0), far[source][0] / scale)
            for backend in programs:
                ratio = [far[backend][i] / far["transformers"][i] for i in (0, 1)]
                counted += 1
                ok = ratio[1] <= LIMIT and far[backend][0] > 1e-4 * scale  # nothing rounded would be no bf16
                failures += not ok
                print(f"{'ok' if ok else 'MISMATCH'} {name} {backend}: largest {far[backend][0] / scale:.1e} ({ratio[0]:.2f} of transformers' bf16), "
                      f"root mean square {far[backend][1] / scale:.1e} ({ratio[1]:.2f})", flush=True)
    if not programs:
        sys.exit(77)
    for backend in programs:
        counted += 1
        ratio = worst[backend] / worst["transformers"]
        failures += ratio > LIMIT
        print(f"{'ok' if ratio <= LIMIT else 'MISMATCH'} {backend}: largest of all {worst[backend]:.1e} ({ratio:.2f} of transformers' bf16)")
    print(f"bf16 {'ok' if failures == 0 else 'FAILED'}: {counted} comparisons, {failures} beyond {LIMIT}")
    return failures != 0


sys.exit(main())
