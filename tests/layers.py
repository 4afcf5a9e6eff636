#!/usr/bin/env python3
"""Who may include whom: reads every #include line of the tree and compares it with the table below.

usage: layers.py [ROOT]        exit 0 when the tree keeps the table, 1 with one line per violation
Every run first plants one violation of each rule in a temporary tree and asserts that it is found.
"""
import pathlib
import re
import sys
import tempfile

STAGES = {"texture", "scorers", "balancers", "allocators"}
BELOW_PIPELINE = {"core", "primitives", "measure", "qwen3vl", "query", "injectors", "hooks"} | STAGES
PUBLIC = BELOW_PIPELINE | {"pipeline", "registry", "engine", "sweep", "io", "root", "plugins"}
BACKENDS = {"backends/eigen", "backends/torch", "backends/xtensor"}
# layer -> the layers it may include, besides itself
TABLE = {
    "core": set(),
    "primitives": {"core"},
    "measure": {"core", "primitives"},
    "texture": {"core", "primitives"},
    "scorers": {"core", "primitives"},
    "balancers": {"core", "primitives"},
    "allocators": {"core", "primitives"},
    "qwen3vl": {"core"},
    "query": {"core", "primitives", "qwen3vl"},
    "injectors": {"core", "primitives", "qwen3vl"},
    "hooks": {"core", "primitives", "qwen3vl"},
    "pipeline": BELOW_PIPELINE,
    "registry": BELOW_PIPELINE | {"pipeline"},
    "engine": BELOW_PIPELINE | {"pipeline", "registry"},
    "sweep": BELOW_PIPELINE | {"pipeline", "registry", "engine", "io"},
    "io": {"core"},
    "root": BELOW_PIPELINE | {"pipeline"},  # arrcoc.hpp: neither torch nor file I/O
    "backends/eigen": {"core"},
    "backends/torch": {"core", "backends/eigen"},  # its CPU kernels
    "backends/xtensor": {"core"},
    "plugins": PUBLIC,
    "src": PUBLIC | BACKENDS,
    "tools": PUBLIC | BACKENDS | {"src", "plugins"},
    "tests": None,  # anything
    "bench": None,
    "examples": None,
}
# third-party header prefix -> where it may appear (a layer, or one file)
THIRD_PARTY = [
    (r"(Eigen|unsupported/Eigen)/", {"backends/eigen"}),
    (r"(xtensor|xtensor-blas|xtl|xsimd)/", {"backends/xtensor"}),
    (r"(torch|ATen|c10|caffe2)/", {"backends/torch", "tools/train"}),
    (r"(jpeglib|jerror|jmorecfg)\.h|(png|zlib)\.h|webp/", {"src"}),
    (r"gif_lib\.h|tiff(io)?\.h|libheif/", {"src"}),
    (r"nlohmann/", {"src"}),
    (r"pcre2\.h|unicode/", {"src"}),
    (r"(cairo|pango|fontconfig)", {"src", "tools"}),
    (r"httplib\.h", {"tools"}),
    (r"CLI/", {"tools"}),
    (r"boost/pfr", {"include/arrcoc/core/fields.hpp"}),
    (r"boost/version\.hpp", {"include/arrcoc/core/fields.hpp"}),
    (r"(doctest|benchmark)/", set()),
    (r"(sys/|netinet/|arpa/)|(netdb|unistd|fcntl|dlfcn|poll|spawn|pthread|sched|termios)\.h$", {"src", "tools", "backends/eigen"}),
    (r"malloc\.h$", {"tools/main.cpp"}),
    (r"(immintrin|x86intrin|arm_neon|cpuid)\.h$", {"backends/eigen", "texture", "qwen3vl"}),
]
STANDARD = set("""algorithm any array atomic barrier bit bitset cassert ccomplex cctype cerrno cfenv cfloat charconv chrono cinttypes climits
clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime
deque exception execution filesystem format forward_list fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator
latch limits list locale map memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex scoped_allocator
semaphore set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view system_error thread tuple
type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version setjmp.h stdio.h signal.h""".split())
# lines: a strategy is one small header; any other file of code should be readable in one sitting
BUDGET = {"texture": 200, "scorers": 200, "balancers": 200, "allocators": 200, "plugins": 200}
HEADER_BUDGET = 250  # of the library's own headers
DEFAULT_BUDGET = 400
# Files over their budget that are to be taken apart; none of them may grow, and none may join them.
LARGE = {
    "backends/eigen/arrcoc/eigen/backend.hpp": 630,
    "include/arrcoc/balancers/tension.hpp": 206,
    "include/arrcoc/texture/cell_sums.hpp": 249,
    "include/arrcoc/texture/texture13.hpp": 240,
    "tests/conformance/conformance.hpp": 552,
    "tests/io/tokenizer_test.cpp": 436,
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.S)


def layer_of(path: str):
    """The layer of a file, by its path from the root; None for what is no code of ours."""
    parts = path.split("/")
    if path.startswith("include/arrcoc/"):
        return parts[2] if len(parts) > 3 else "root"
    if parts[0] == "backends" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if parts[0] in TABLE else None


def layer_of_include(name: str, backend_headers: dict):
    """The layer that `#include "arrcoc/..."` names."""
    if name in backend_headers:
        return backend_headers[name]
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else "root"


def code_files(root: pathlib.Path):
    for top in ("include", "backends", "src", "tools", "plugins", "tests", "bench", "examples"):
        for p in sorted((root / top).rglob("*")):
            if p.suffix in (".hpp", ".cpp", ".h") and p.is_file():
                yield p


def check(root: pathlib.Path):
    """-> (violations, number of files, number of include lines, files over their budget)"""
    files = list(code_files(root))
    backend_headers = {}
    for p in files:
        rel = p.relative_to(root).as_posix()
        m = re.match(r"(backends/[^/]+)/(arrcoc/.+)$", rel)
        if m:
            backend_headers[m[2]] = m[1]
    bad, lines_seen, large = [], 0, []
    for p in files:
        rel = p.relative_to(root).as_posix()
        layer = layer_of(rel)
        if layer not in TABLE:
            bad.append(f"{rel}: folder '{layer}' is not in the layer table")
            continue
        text = p.read_text(encoding="utf-8")
        count = text.count("\n")
        budget = BUDGET.get(layer, HEADER_BUDGET if rel.startswith("include/") else DEFAULT_BUDGET)
        if count > budget:
            large.append((rel, count, budget))
        clean = BLOCK_COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text)
        for number, line in enumerate(clean.split("\n"), 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            lines_seen += 1
            quote, name = m[1], m[2]
            at = f"{rel}:{number}"
            allowed = TABLE[layer]
            if quote == '"' and name.startswith("arrcoc/"):
                target = layer_of_include(name, backend_headers)
                if allowed is not None and target != layer and target not in allowed:
                    bad.append(f"{at}: {layer} may not include {target} ({name})")
                where = [root / "include" / name] + [root / b / name for b in BACKENDS]
                if not any(w.exists() or w.with_name(w.name + ".in").exists() for w in where):
                    bad.append(f"{at}: no such header: {name}")
            elif quote == '"':
                beside = (p.parent / name).exists() or (p.parent / (name + ".in")).exists()
                if rel.startswith("include/") or "/arrcoc/" in rel:
                    bad.append(f'{at}: public headers write "arrcoc/..." ({name})')
                elif not beside and not any((root / top / name).exists() for top in ("tests", "src", "tools", "plugins")):
                    bad.append(f"{at}: no such header: {name}")
            elif name.startswith("arrcoc/") and layer != "examples":
                bad.append(f'{at}: our headers are included with quotes ({name})')
            elif name not in STANDARD and allowed is not None:
                for pattern, places in THIRD_PARTY:
                    if re.match(pattern, name):
                        if layer not in places and rel not in places and not any(rel.startswith(x) for x in places if "/" in x):
                            bad.append(f"{at}: {layer} may not include third-party {name} (only {', '.join(sorted(places)) or 'tests and bench'})")
                        break
                else:
                    bad.append(f"{at}: {name} is neither standard nor in the third-party table")
    return bad, len(files), lines_seen, large


PLANTED = [  # file, its text, what the message must hold (None: must be clean)
    ("include/arrcoc/core/a.hpp", '#include <vector>\n// #include "arrcoc/io/x.hpp"\n/*\n#include <Eigen/Core>\n*/\n', None),
    ("include/arrcoc/scorers/a.hpp", '#include "arrcoc/core/a.hpp"\n', None),
    ("include/arrcoc/scorers/b.hpp", '#include "arrcoc/balancers/a.hpp"\n', "scorers may not include balancers"),
    ("include/arrcoc/balancers/a.hpp", '  #  include   "arrcoc/scorers/a.hpp"\n', "balancers may not include scorers"),
    ("include/arrcoc/core/b.hpp", '#include "arrcoc/arrcoc.hpp"\n', "core may not include root"),
    ("include/arrcoc/arrcoc.hpp", '#include "arrcoc/io/a.hpp"\n', "root may not include io"),
    ("include/arrcoc/io/a.hpp", '#include "arrcoc/qwen3vl/a.hpp"\n', "io may not include qwen3vl"),
    ("include/arrcoc/qwen3vl/a.hpp", '#include "arrcoc/injectors/a.hpp"\n', "qwen3vl may not include injectors"),
    ("include/arrcoc/primitives/a.hpp", '#include "arrcoc/scorers/a.hpp"\n', "primitives may not include scorers"),
    ("include/arrcoc/registry/a.hpp", '#include "arrcoc/engine/a.hpp"\n', "registry may not include engine"),
    ("include/arrcoc/engine/a.hpp", '#include "arrcoc/sweep/a.hpp"\n', "engine may not include sweep"),
    ("include/arrcoc/sweep/a.hpp", '#include "arrcoc/engine/a.hpp"\n', None),
    ("include/arrcoc/scorers/pixels/a.hpp", '#include "arrcoc/allocators/a.hpp"\n', "scorers may not include allocators"),
    ("include/arrcoc/injectors/a.hpp", '#include "arrcoc/pipeline/a.hpp"\n', "injectors may not include pipeline"),
    ("include/arrcoc/pipeline/a.hpp", '#include "arrcoc/eigen.hpp"\n', "pipeline may not include backends/eigen"),
    ("include/arrcoc/allocators/a.hpp", "#include <Eigen/Core>\n", "third-party Eigen/Core"),
    ("include/arrcoc/texture/a.hpp", "#include <boost/pfr.hpp>\n", "third-party boost/pfr.hpp"),
    ("include/arrcoc/core/fields.hpp", "#include <boost/pfr.hpp>\n", None),
    ("backends/eigen/arrcoc/eigen.hpp", '#include <Eigen/Core>\n#include "arrcoc/core/a.hpp"\n', None),
    ("backends/torch/arrcoc/torch.hpp", '#include "arrcoc/eigen.hpp"\n', None),
    ("backends/eigen/arrcoc/eigen/b.hpp", '#include "arrcoc/torch.hpp"\n', "backends/eigen may not include backends/torch"),
    ("tools/answer.cpp", "#include <nlohmann/json.hpp>\n", "third-party nlohmann/json.hpp"),
    ("src/a.cpp", "#include <CLI/CLI.hpp>\n", "third-party CLI/CLI.hpp"),
    ("src/b.cpp", "#include <nonsense/nonsense.hpp>\n", "neither standard nor"),
    ("src/c.cpp", '#include "arrcoc/core/absent.hpp"\n', "no such header"),
    ("src/d.cpp", '#include <arrcoc/core/a.hpp>\n', "with quotes"),
    ("include/arrcoc/scorers/c.hpp", '#include "a.hpp"\n', 'write "arrcoc/..."'),
    ("include/arrcoc/novel/a.hpp", "\n", "not in the layer table"),
    ("plugins/one/one.hpp", '#include "arrcoc/scorers/a.hpp"\n', None),
    ("plugins/two/two.hpp", '#include "one/one.hpp"\n', None),
    ("plugins/two/other.hpp", '#include "arrcoc/eigen.hpp"\n', "plugins may not include backends/eigen"),
    ("plugins/two/third.hpp", "#include <Eigen/Core>\n", "third-party Eigen/Core"),
    ("include/arrcoc/engine/b.hpp", '#include "one/one.hpp"\n', 'write "arrcoc/..."'),
    ("tests/a.cpp", '#include <Eigen/Core>\n#include "arrcoc/io/a.hpp"\n', None),
]


def self_test():
    """Every planted violation is found, and nothing else is."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text, _ in PLANTED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "include/arrcoc/scorers/long.hpp").write_text("\n" * 201)
        bad, _, _, large = check(root)
    problems = []
    for name, _, expected in PLANTED:
        got = [b for b in bad if b.startswith(name + ":")]
        if expected is None and got:
            problems.append(f"self-test: false alarm {got}")
        if expected is not None and not (len(got) == 1 and expected in got[0]):
            problems.append(f"self-test: {name}: expected '{expected}', got {got}")
    if [l[0] for l in large] != ["include/arrcoc/scorers/long.hpp"]:
        problems.append(f"self-test: a strategy of 201 lines was not reported: {large}")
    return problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    problems = self_test()
    bad, files, lines, large = check(root)
    for rel, count, budget in large:
        if count > LARGE.get(rel, 0):
            bad.append(f"{rel} has {count} lines, more than its budget of {max(budget, LARGE.get(rel, 0))}")
    for line in problems + bad:
        print(line)
    planted = sum(1 for p in PLANTED if p[2])
    print(f"layers: {files} files, {lines} includes, {len(bad)} violations; self-test: {planted} planted, {len(problems)} problems")
    return 1 if problems or bad else 0


if __name__ == "__main__":
    sys.exit(main())
