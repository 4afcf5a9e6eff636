"""The page's style and script as C++ constants, and the script's hash for the page's policy: embed.py OUT CSS JS"""
import base64
import hashlib
import pathlib
import sys

out, css, js = map(pathlib.Path, sys.argv[1:])


def literal(text):
    """Raw strings, in pieces that every compiler takes."""
    assert ')~~"' not in text and "</script" not in text.lower()
    pieces = [text[i:i + 8000] for i in range(0, len(text), 8000)]
    return "\n".join(f'R"~~({p})~~"' for p in pieces)


style, script = css.read_text(encoding="utf-8"), js.read_text(encoding="utf-8")
digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
out.write_text(f"""#pragma once
#include <string_view>

namespace arrcoc {{

inline constexpr std::string_view report_style = {literal(style)};
inline constexpr std::string_view report_script = {literal(script)};
inline constexpr std::string_view report_script_hash = "sha256-{digest}";

}}  // namespace arrcoc
""", encoding="utf-8")
