#!/usr/bin/env python3
"""`--weights int8|int4|bf16` beside transformers on the matrices that those forms stand for.

usage: quantised.py PROGRAM [--configs A,B] [-v]

The rule of core/weight_format.hpp, written out in NumPy (quantised_rule.py), is put into the parameters of transformers' own model: of the
language model's layers (experts too), its head, or the vision tower. Logits of the whole prompt's end and of forced tokens
within 2e-5 of the largest value, in float32; what was not asked for is as it was. Exit status: 0 agreement, 1 a mismatch,
77 a Python package is missing.
"""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import Against  # noqa: E402  (exits 77 itself)
from hf_parity import cases, write_pictures  # noqa: E402
from hf_reference import Reference, np, torch  # noqa: E402
from make_checkpoints import make  # noqa: E402
from quantised_rule import FORMS  # noqa: E402

DEFAULT = "untied_gqa4,sharded_bf16,four_taps,moe_released,moe_dense_layers"
LAYERS = r"language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj\.weight|mlp\.(gate|up|down)_proj\.weight|mlp\.experts\.(gate_up|down)_proj)$"
TOWER = r"visual\.(blocks\.\d+\.(attn|mlp)\.\w+\.weight|(merger|deepstack_merger_list\.\d+)\.linear_fc[12]\.weight)$"


def changed(reference, which, form):
    """Puts the rounded matrices into the model; how many."""
    model, count = reference.model, 0
    if which == "head":
        rounded = FORMS[form](model.lm_head.weight.detach().numpy())
        model.lm_head.weight = torch.nn.Parameter(torch.from_numpy(rounded.astype(np.float32)))
        return 1
    for name, p in model.named_parameters():
        if re.search(LAYERS if which == "layers" else TOWER, name):
            p.data.copy_(torch.from_numpy(FORMS[form](p.detach().numpy()).astype(np.float32)))
            count += 1
    return count


def main():
    t = Against(__doc__, DEFAULT, "comparisons")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        ids = np.array([17, 3, 250, 99, 42, 7], np.int64)
        np.save(work / "forced.npy", ids)
        questions = list(cases(write_pictures(work / "pictures")).values())[:3]
        for name in t.configs:
            folder = make(name, work / name)
            plain = Reference(folder)
            inputs = [plain.inputs(q) for q in questions]
            stored = [plain.forced(i, ids) for i in inputs]
            for which, flag in (("layers", "--weights"), ("head", "--weights-head"), ("tower", "--weights-tower")):
                for form in FORMS if which == "layers" else ["int8", "int4"]:
                    r = Reference(folder)
                    t.note(changed(r, which, form) > 0, f"{name} {which}: no matrix of that kind")
                    for q, i, before in zip(questions, inputs, stored):
                        result = t.answer(folder, q.pictures, q.text, work / "dump", "--pipeline", "full", "--force-ids", work / "forced.npy",
                                          flag, form, *(["--system", q.system] if q.system else []))
                        got, wanted = np.load(work / "dump" / "logits.npy"), r.forced(i, ids)
                        t.near(f"{name} {which} {form}", "logits", got, wanted)
                        far = float(np.abs(np.asarray(wanted) - np.asarray(before)).max() / np.abs(np.asarray(before)).max())
                        t.note(far > 1e-4 or form == "bf16", f"{name} {which} {form}: rounding changes nothing ({far:.1e}), so that nothing is tested")
                        said = result["backend"]["weights"]
                        t.note(said == dict(dict(layers="auto", head="auto", tower="auto"), **{which: form}), f"{name}: says {said}")
    return t.end("quantised weights")


sys.exit(main())
