"""The page's style and script as C++ constants, and the script's hash for the page's policy: embed.py OUT TEMPLATE CSS JS..."""
import base64
import hashlib
import pathlib
import sys

out, template, css, *scripts = map(pathlib.Path, sys.argv[1:])


def literal(text):
    """Raw strings, in pieces that every compiler takes."""
    assert ')~~"' not in text and "</script" not in text.lower() and "</style" not in text.lower()
    return "\n".join(f'R"~~({text[i:i + 8000]})~~"' for i in range(0, len(text), 8000))


style, script = css.read_text(encoding="utf-8"), "".join(js.read_text(encoding="utf-8") for js in scripts)
page = template.read_text(encoding="utf-8")
for name, value in (("@HASH@", base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()), ("@STYLE@", literal(style)), ("@SCRIPT@", literal(script))):
    page = page.replace(name, value)
out.write_text(page, encoding="utf-8")
