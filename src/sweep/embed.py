"""The page's style and scripts as C++ constants, and the scripts' hashes for the page's policy: embed.py OUT TEMPLATE PLOTS_JS PLOTS_CSS CSS JS...

PLOTS_JS and PLOTS_CSS: the plots' library, or - where the build has none.
"""
import base64
import hashlib
import pathlib
import sys

out, template, plots_js, plots_css, css, *scripts = map(pathlib.Path, sys.argv[1:])


def literal(text):
    """Raw strings, in pieces that every compiler takes."""
    assert ')~~"' not in text and "</script" not in text.lower() and "</style" not in text.lower()
    return "\n".join(f'R"~~({text[i:i + 8000]})~~"' for i in range(0, len(text), 8000)) or '""'


def hash_of(text):
    """As a page's policy writes it; of nothing: nothing."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" if text else ""


def library(path):
    return "" if str(path) == "-" else path.read_text(encoding="utf-8")


style, script = css.read_text(encoding="utf-8"), "".join(js.read_text(encoding="utf-8") for js in scripts)
plots, plots_style = library(plots_js), library(plots_css)
page = template.read_text(encoding="utf-8")
for name, value in (("@HASH@", hash_of(script)), ("@STYLE@", literal(style)), ("@SCRIPT@", literal(script)), ("@PLOTS_HASH@", hash_of(plots)),
                    ("@PLOTS_STYLE@", literal(plots_style)), ("@PLOTS_SCRIPT@", literal(plots))):
    page = page.replace(name, value)
out.write_text(page, encoding="utf-8")
