#!/usr/bin/env python3
"""Chat renderings, their recognition, and whole prompts.

usage: chat_template.py RENDER_CHAT [COUNT]
1. render_chat = our Jinja text under Jinja2 (as transformers compiles it) = a plain transcription of the rules, on random conversations;
   Instruct also = the template of make_checkpoints.py, which was written apart.
2. Our texts and that template are recognised wherever a folder may keep them; changed ones are refused.
3. build_prompt = `tokenizers` on the expanded text: ids, spans, and the question's columns from its character offsets.
Exit 77 when jinja2 or tokenizers is absent.
"""
import ast
import json
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import qwen_vocabulary

try:
    import jinja2
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    import tokenizers
except ImportError as e:
    print(f"chat oracle: skipped, {e}")
    sys.exit(77)
PROGRAM = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
failures = 0


def check(good, what):
    global failures
    if not good:
        failures += 1
        print(f"  FAILED: {what}")


def run(arguments, lines=(), expect=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input="".join(json.dumps(x) + "\n" for x in lines), capture_output=True, encoding="utf-8")
    if done.returncode != expect:
        check(False, f"{arguments}: exit {done.returncode}, expected {expect}: {done.stderr.strip()}")
    return done.stdout if expect == 0 else done.stderr


def jinja(text):
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    env.globals["raise_exception"] = raise_exception
    env.filters["tojson"] = lambda x, **kw: json.dumps(x, ensure_ascii=False, **kw)
    template = env.from_string(text)
    return lambda case: template.render(messages=case["messages"], add_generation_prompt=case["add_generation_prompt"])


# ---- the rules, transcribed

TRIPLE = "<|vision_start|><|image_pad|><|vision_end|>"


def text_of(message):
    return "".join(TRIPLE if p["type"] == "image" else p["text"] for p in message["content"])


def instruct(case):
    out = ""
    for i, m in enumerate(case["messages"]):
        if m["role"] != "system" or i == 0:
            out += "<|im_start|>%s\n%s<|im_end|>\n" % (m["role"], text_of(m))
    return out + ("<|im_start|>assistant\n" if case["add_generation_prompt"] else "")


def thinking(case):
    messages, out = case["messages"], ""
    query = len(messages) - 1
    for i, m in enumerate(messages):
        if m["role"] == "user" and not (text_of(m).startswith("<tool_response>") and text_of(m).endswith("</tool_response>")):
            query = i
    if not any(m["role"] == "user" and not (text_of(m).startswith("<tool_response>") and text_of(m).endswith("</tool_response>")) for m in messages):
        query = len(messages) - 1
    for i, m in enumerate(messages):
        content = text_of(m)
        if m["role"] == "assistant":
            thought = ""
            if "</think>" in content:
                before = content[:content.index("</think>")]
                while before.endswith("\n"):
                    before = before[:-1]
                thought = before[before.rindex("<think>") + 7:] if "<think>" in before else before
                thought = thought.lstrip("\n")
                content = content[content.rindex("</think>") + 8:].lstrip("\n")
            if i > query and (i == len(messages) - 1 or thought):
                content = "<think>\n" + thought.strip("\n") + "\n</think>\n\n" + content.lstrip("\n")
        out += "<|im_start|>%s\n%s<|im_end|>\n" % (m["role"], content)
    return out + ("<|im_start|>assistant\n<think>\n" if case["add_generation_prompt"] else "")


SNIPPETS = ["Hello", " world", "\n", "\n\n", "", " ", "What is shown?", "<think>", "</think>", "<think>\nhm\n</think>\n\n", "\nreasons\n</think>\nanswer\n",
            "<tool_response>", "</tool_response>", "{{ x }}", "{% if %}", "'\"\\", "\u4e2d\u6587", "e\u0301", "\U0001f642", "<|im_end|>", "<b>&amp;</b>", "a\\nb", "\r\n"]


def message(rng, role):
    parts = []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        if role == "user" and rng.random() < 0.3:
            parts.append({"type": "image"})
        else:
            parts.append({"type": "text", "text": "".join(rng.choice(SNIPPETS) for _ in range(rng.randint(0, 4)))})
    if role == "user" and rng.random() < 0.1:
        parts = [{"type": "text", "text": "<tool_response>\n" + rng.choice(SNIPPETS) + "\n</tool_response>"}]
    return {"role": role, "content": parts}


def conversation(rng):
    roles = ["system"] if rng.random() < 0.4 else []
    roles += [rng.choice(("user", "user", "assistant", "assistant", "system")) for _ in range(rng.randint(0 if roles else 1, 6))]
    return {"messages": [message(rng, r) for r in roles], "add_generation_prompt": rng.random() < 0.7}


def check_renderings(rng, apart):
    cases = [conversation(rng) for _ in range(COUNT)]
    for name, rules in (("instruct", instruct), ("thinking", thinking)):
        got = [json.loads(line) for line in run(["render", name], cases).split("\n")[:-1]]
        oracles = {"our Jinja text": jinja(run(["template", name])), "the rules": rules}
        if name == "instruct":
            oracles["the template written apart"] = jinja(apart)
        for what, oracle in oracles.items():
            wrong = [i for i, case in enumerate(cases) if oracle(case) != got[i]]
            print(f"  {name} = {what}: {len(cases)} conversations, {len(wrong)} mismatches")
            if wrong:
                case = cases[wrong[0]]
                check(False, f"{json.dumps(case)}\n    expected {oracle(case)!r}\n    got      {got[wrong[0]]!r}")


def check_recognition(folder, apart):
    ours = {name: run(["template", name]) for name in ("instruct", "thinking")}

    def put(text, place):
        for f in folder.iterdir():
            f.unlink()
        if place == "chat_template.jinja":
            (folder / place).write_text(text)
        elif place == "list":
            (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": text}]}))
        else:
            (folder / place).write_text(json.dumps({"chat_template": text}))

    thoughts = (apart.replace("{{- '<|im_start|>assistant\\n' }}{%- endif %}", "{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}")
                .replace("{{- '<|im_start|>assistant\\n' }}{{- parts(message.content) }}",
                         "{{- '<|im_start|>assistant\\n' }}{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}"
                         "{%- endif %}{{- parts(message.content) }}"))
    assert "reasoning_content" in thoughts and thoughts.count("<think>\\n' }}{%- endif %}") == 1
    known = 0
    for place in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json", "list"):
        for text, kind in ((ours["instruct"], "instruct"), (ours["thinking"], "thinking"), (apart, "instruct"), (thoughts, "thinking"),
                           (apart.replace("\n", "\r\n"), "instruct")):
            put(text, place)
            check(run(["recognise", folder]).strip() == kind, f"{place}: a {kind} text is recognised")
            known += 1
    refused = {
        "nothing": "",
        "plain ChatML": "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "a default system prompt": apart.replace("{%- for message in messages %}", "{%- if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}{%- for message in messages %}"),
        "another tool text": apart.replace("to assist with the user query", "to help the user"),
        "a set text": "{%- set greeting = 'Be brief.' %}" + apart.replace("{{- '<|im_start|>user\\n' }}", "{{- '<|im_start|>user\\n' + greeting }}"),
        "another mark": apart.replace("<|vision_end|>", "<|vision_end|><|audio_start|>"),
        "trimmed contents": apart.replace("{{- part.text }}", "{{- part.text | trim }}"),
        "no videos": apart.replace("<|video_pad|>", "<|image_pad|>"),
        "thoughts in part": apart.replace("{{- '<|im_start|>assistant\\n' }}{%- endif %}", "{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"),
        "a changed copy of ours": ours["instruct"].replace("<|im_start|>user\\n", "<|im_start|>user: "),
    }
    for what, text in refused.items():
        assert text not in (apart, ours["instruct"]), what
        put(text, "chat_template.jinja")
        check("--chat-template builtin" in run(["recognise", folder], expect=1), f"{what}: refused by auto")
        run(["recognise", folder, "builtin"])
    put(ours["thinking"] + " {#- changed -#} ", "chat_template.jinja")
    check(run(["recognise", folder, "builtin"]).strip() == "thinking", "builtin is Thinking where the template opens a thought")
    put(ours["thinking"], "tokenizer_config.json")
    (folder / "chat_template.jinja").write_text(ours["instruct"])
    check(run(["recognise", folder]).strip() == "instruct", ".jinja comes before tokenizer_config.json")
    for f in folder.iterdir():
        f.unlink()
    check(run(["recognise", folder]).strip() == "instruct", "no template at all is Instruct")
    run(["recognise", folder, "other"], expect=2)
    print(f"  recognition: {known} known, {len(refused)} refused")


def check_prompts(rng, folder):
    ranks = qwen_vocabulary.ranks_file()
    if ranks is not None:
        hf = qwen_vocabulary.build(ranks)
    else:
        hf = tokenizers.Tokenizer.from_file(str(HERE.parent / "golden" / "tokenizer" / "tokenizer.json"))
    hf.save(str(folder / "tokenizer.json"))
    cases = []
    while len(cases) < COUNT // 4:
        case = conversation(rng)
        pictures = sum(p["type"] == "image" for m in case["messages"] for p in m["content"])
        cases.append({"messages": case["messages"], "grids": [[rng.randint(1, 6), rng.randint(1, 6)] for _ in range(pictures)]})
    lines = run(["prompt", folder, "instruct"], cases).split("\n")[:-1]
    wrong = 0
    special = {t["id"] for t in json.loads(hf.to_str())["added_tokens"] if t["special"]}
    for case, line in zip(cases, lines, strict=True):
        got, text, spans, words, grids = json.loads(line), "", [], [], iter(case["grids"])
        last = max((i for i, m in enumerate(case["messages"]) if m["role"] == "user"), default=-1)
        for i, m in enumerate(case["messages"]):
            if m["role"] == "system" and i > 0:
                continue
            text += f"<|im_start|>{m['role']}\n"
            for p in m["content"]:
                if p["type"] == "image":
                    rows, cols = next(grids)
                    text += "<|vision_start|>"
                    spans.append([len(text), rows, cols, len(spans)])
                    text += "<|image_pad|>" * (rows * cols) + "<|vision_end|>"
                else:
                    if i == last:
                        words.append((len(text), len(text) + len(p["text"])))
                    text += p["text"]
            text += "<|im_end|>\n"
        text += "<|im_start|>assistant\n"
        encoding = hf.encode(text, add_special_tokens=False)
        starts = {}
        for column, (begin, _) in enumerate(encoding.offsets):
            starts.setdefault(begin, column)
        question = [c for c, (begin, _) in enumerate(encoding.offsets) if any(a <= begin < b for a, b in words) and encoding.ids[c] not in special]
        expected = {"ids": encoding.ids, "spans": [[starts[s[0]], *s[1:]] for s in spans], "question": question}
        if got != expected:
            wrong += 1
            if wrong <= 2:
                check(False, f"{json.dumps(case)}\n    expected {expected}\n    got      {got}")
    print(f"  prompts = tokenizers: {len(cases)} prompts, {wrong} mismatches" + ("" if ranks else " (small vocabulary; Qwen's is absent)"))


def main():
    rng = random.Random(7)
    tree = ast.parse((HERE / "make_checkpoints.py").read_text())
    apart = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "CHAT_TEMPLATE")
    check_renderings(rng, apart)
    with tempfile.TemporaryDirectory() as folder:
        check_recognition(pathlib.Path(folder), apart)
    with tempfile.TemporaryDirectory() as folder:
        check_prompts(rng, pathlib.Path(folder))
    print(f"chat oracle: {'FAILED, ' + str(failures) if failures else 'ok, 0 mismatches'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
