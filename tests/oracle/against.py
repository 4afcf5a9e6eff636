"""What the comparisons of a program with transformers' inside share: options, runs of the program, what was counted, and how it ends."""
import argparse
import json
import shutil
import subprocess

from checks import on_backend
from hf_reference import np, torch, transformers  # exits 77 itself

LIMIT = 2e-5  # of the largest value


class Against:
    """`unit`: what is counted; `zeros`: nothing but zeros may be wanted. A mismatch is printed when it is found."""

    def __init__(self, doc, configs, unit, zeros=False):
        p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        p.add_argument("program"), p.add_argument("--backend", default="eigen")
        p.add_argument("--configs", default=configs)
        p.add_argument("-v", "--verbose", action="store_true")
        self.a = p.parse_args()
        self.configs = self.a.configs.split(",")
        self.unit, self.zeros, self.count, self.values, self.worst, self.problems = unit, zeros, 0, 0, {}, []
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(1)

    def run(self, name, *words):
        """The program on the backend; leaves with 77 where that is not built in."""
        self.said(name, self.a.backend, *words)

    def answer(self, folder, pictures, text, dump, *words):
        """JSON of the verb about pictures, in float32 on the backend; its arrays stand in the folder `dump` alone."""
        shutil.rmtree(dump, ignore_errors=True)
        asked = ["-m", folder, *[w for p in pictures for w in ("-i", p)], "-p", text, "-t", 1, "-q", *on_backend(self.a.backend),
                 "--dtype", "f32", "--dump", dump, "--json", *words]
        return json.loads(self.said(folder.name, "answer", *map(str, asked)))

    def said(self, name, *words):
        """stdout of the program; leaves with 77 where the backend is not built in."""
        done = subprocess.run([self.a.program, *words], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            if "(E301)" in done.stderr:
                print(f"skipped: {done.stderr.strip()}")
                raise SystemExit(77)
            raise SystemExit(f"{name}: {done.stderr.strip()}")
        return done.stdout

    def wrong(self, text):
        self.problems.append(text)
        print("MISMATCH", text, flush=True)

    def note(self, ok, text):
        self.count += 1
        if not ok:
            self.wrong(text)

    def near(self, label, kind, got, wanted):
        """Within LIMIT of the largest value that is wanted."""
        wanted = np.asarray(wanted, np.float64)
        self.count, self.values = self.count + 1, self.values + got.size
        if got.shape != wanted.shape:
            self.wrong(f"{label}: shape {got.shape}, expected {wanted.shape}")
        elif wanted.size > 0:
            largest = np.abs(wanted).max()
            error = float(np.abs(got - wanted).max() / (1.0 if largest == 0 and self.zeros else largest))
            self.worst[kind] = max(self.worst.get(kind, 0.0), error)
            if not error <= LIMIT:
                self.wrong(f"{label}: {error:.1e} of the largest value")

    def so_far(self, name):
        if self.a.verbose:
            print(f"{name}: {self.count} {self.unit} so far", flush=True)

    def end(self, title, more=""):
        """Prints what was counted; the exit status."""
        largest = ", ".join(f"{k} {v:.1e}" for k, v in sorted(self.worst.items()))
        values = f", {self.values} values" if self.values else ""
        print(f"{'FAILED' if self.problems else 'passed'}: {title} on {self.a.backend} against transformers {transformers.__version__}: "
              f"{len(self.configs)} checkpoints, {self.count} {self.unit}{values}, {len(self.problems)} mismatches{more}; worst: {largest}")
        return 1 if self.problems else 0
