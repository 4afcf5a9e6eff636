#!/usr/bin/env python3
"""No lambda, and no doctest macro that makes one, uses a name of a structured binding: clang before 16 refuses it
(P1091 and P1381), and g++ says nothing.

usage: bindings.py [ROOT]        exit 0, or 1 with one line per use
"""
import pathlib
import re
import sys

from layers import code_files

BINDING = re.compile(r"(for \()?(?:const )?auto&{0,2} \[([\w, ]+)\]\s*[:=({]")
LAMBDA = re.compile(r"(?<![\w\])])\[([&=][^\]\[]*)\]\s*(?:<[^>]*>\s*)?(\([^)]*\))?[^{;]*(?=\{)")
MACRO = re.compile(r"\b(?:CAPTURE|INFO|MESSAGE|FAIL|\w+_MESSAGE)(?=\()")
PAIRS = {"(": ")", "{": "}"}


def without_texts(code: str) -> str:
    """The same length, with comments and literals blank."""
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'", lambda m: re.sub(r"[^\n]", " ", m[0]), code, flags=re.S)


def closing(code: str, at: int) -> int:
    """Behind the bracket that closes the one at `at`."""
    opened, depth = code[at], 0
    for i in range(at, len(code)):
        depth += (code[i] == opened) - (code[i] == PAIRS[opened])
        if depth == 0:
            return i + 1
    return len(code)


def scope(code: str, m: re.Match) -> str:
    """What may use the names: the body of the loop, or the rest of the block."""
    if m[1]:
        body = closing(code, m.start() + len("for "))
        brace = re.compile(r"\s*\{").match(code, body)
        return code[body:closing(code, brace.end() - 1) if brace else code.find(";", body) + 1]
    depth = 0
    for i in range(m.end(), len(code)):
        depth += (code[i] == "{") - (code[i] == "}")
        if depth < 0:
            return code[m.end():i]
    return code[m.end():]


def uses(code: str) -> list:
    code, found = without_texts(code), []
    for m in BINDING.finditer(code):
        inside = scope(code, m)
        caught = [(l[1] + (l[2] or ""), inside[l.end():closing(inside, l.end())]) for l in LAMBDA.finditer(inside)]
        caught += [("", inside[c.end():closing(inside, c.end())]) for c in MACRO.finditer(inside)]
        for name in re.findall(r"\w+", m[2]):
            use = re.compile(rf"(?<![\w.:>]){name}\b(?!\()")
            if any(use.search(text) and not re.search(rf"\b{name}\b", own) for own, text in caught):
                found.append((code[:m.start()].count("\n") + 1, name))
    return found


def main():
    planted = {"for (const auto& [a, b] : c) CAPTURE(a);": 1, "const auto [a, b] = c;\nf([&](int i) { return i + b; });": 1,
               "for (const auto& [a, b] : c) {\n  INFO(a);\n  CHECK(b);\n}\nCAPTURE(b);": 1,
               "const auto [a, b] = c;\nf([&, b = b] { return b; });": 0,
               "for (const auto& [a, b] : c) {\n  INFO(c.a, \"b\");\n  f([&](int a) { return a; });\n}": 0}
    wrong = [text for text, count in planted.items() if len(uses(text)) != count]
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    files = list(code_files(root))
    bad = [f"{p.relative_to(root)}:{line}: {name}" for p in files for line, name in uses(p.read_text())]
    for line in [f"planted text misread: {text!r}" for text in wrong] + bad:
        print(line)
    print(f"bindings: {len(files)} files, {len(bad)} names of structured bindings in lambdas")
    sys.exit(1 if wrong or bad else 0)


main()
