#!/usr/bin/env python3
"""Metrics against their published rules, written down again here in Python: fixtures of every known trap with the score
they must have, both sides of each boundary, and random answers on which the rules and the program must agree.

usage: metrics.py SCORE_LINES        exit 0 when all agrees, 1 on any mismatch. Needs the standard library only.
Sources: the DocVQA challenge script (ANLS), vqaEval.py of VQA v2, the EvalAI answer processor, pix2struct's relaxed
correctness, OCRBench's, MME's and MMMU's evaluation code, VLMEvalKit (2026) and lmms-eval.
"""
import json
import pathlib
import random
import re
import string
import subprocess
import sys
import unicodedata

import checks
from checks import check

FLAVOURS = ("official", "vlmevalkit", "lmms")


# --- the rules --------------------------------------------------------------------------------------------------------
def edit_distance(a, b):
    row = list(range(len(a) + 1))
    for j, y in enumerate(b, 1):
        new = [j]
        for i, x in enumerate(a, 1):
            new.append(min(row[i] + 1, new[-1] + 1, row[i - 1] + (x != y)))
        row = new
    return row[-1]


def anls(q, flavour):
    pred, best = q["prediction"], []
    for gold in q["answers"]:
        g, o = (" ".join(t.strip().lower().split()) for t in (gold, pred))
        pair = (g, o) if flavour == "vlmevalkit" else (gold.upper(), pred.upper())
        length = max(map(len, pair))
        best.append(0.0 if length == 0 else edit_distance(g, o) / length)
    similarity = 1 - min(best)
    return 0.0 if similarity < 0.5 else similarity


# wrong spelling and right spelling, in turn, as the VQA evaluation code lists them
CONTRACTIONS = """
aint ain't arent aren't cant can't couldve could've couldnt couldn't couldn'tve couldn't've couldnt've couldn't've
didnt didn't doesnt doesn't dont don't hadnt hadn't hadnt've hadn't've hadn'tve hadn't've hasnt hasn't havent haven't
hed he'd hed've he'd've he'dve he'd've hes he's howd how'd howll how'll hows how's isnt isn't itd it'd itd've it'd've
it'dve it'd've itll it'll let's let's maam ma'am mightnt mightn't mightnt've mightn't've mightn'tve mightn't've
mightve might've mustnt mustn't mustve must've neednt needn't notve not've oclock o'clock oughtnt oughtn't ow's'at
'ow's'at 'ows'at 'ow's'at 'ow'sat 'ow's'at shant shan't shed've she'd've she'dve she'd've she's she's shouldve
should've shouldnt shouldn't shouldnt've shouldn't've shouldn'tve shouldn't've somebody'd somebodyd somebodyd've
somebody'd've somebody'dve somebody'd've somebodyll somebody'll somebodys somebody's someoned someone'd someoned've
someone'd've someone'dve someone'd've someonell someone'll someones someone's somethingd something'd somethingd've
something'd've something'dve something'd've somethingll something'll thats that's thered there'd thered've there'd've
there'dve there'd've therere there're theres there's theyd they'd theyd've they'd've they'dve they'd've theyll they'll
theyre they're theyve they've twas 'twas wasnt wasn't wed've we'd've we'dve we'd've weve we've werent weren't whatll
what'll whatre what're whats what's whatve what've whens when's whered where'd wheres where's whereve where've whod
who'd whod've who'd've who'dve who'd've wholl who'll whos who's whove who've whyll why'll whyre why're whys why's wont
won't wouldve would've wouldnt wouldn't wouldnt've wouldn't've wouldn'tve wouldn't've yall y'all yall'll y'all'll
y'allll y'all'll yall'd've y'all'd've y'alld've y'all'd've y'all'dve y'all'd've youd you'd youd've you'd've you'dve
you'd've youll you'll youre you're youve you've
""".split()
CONTRACTIONS = dict(zip(CONTRACTIONS[::2], CONTRACTIONS[1::2]))
NUMBERS = dict(
    zip("none zero one two three four five six seven eight nine ten".split(), "0 0 1 2 3 4 5 6 7 8 9 10".split()))
MARKS = list(";/[]\"{}()=+\\_-><@`,?!")


def punctuation(text, flavour):
    comma = re.compile(r"(?<=\d),+(?=\d)" if flavour == "lmms" else r"\d,\d")
    out = text
    for p in MARKS:
        glued = p + " " in text or " " + p in text or comma.search(text) is not None
        out = out.replace(p, "" if glued else " ")
    if flavour == "vlmevalkit":
        return re.sub(r"(?<!\d)\.(?!\d)", "", out)
    return re.sub(r"(?!<=\d)(\.)(?!\d)", "", out, count=int(re.UNICODE))


def digits_and_articles(text):
    words = [NUMBERS.get(w, w) for w in text.lower().split()]
    return " ".join(CONTRACTIONS.get(w, w) for w in words if w not in ("a", "an", "the"))


def vqa_text(text, flavour):
    if flavour == "lmms":
        text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return digits_and_articles(punctuation(text.replace("\n", " ").replace("\t", " ").strip(), flavour))


def vqa(q, flavour):
    pred, golds = q["prediction"], q["answers"]
    if flavour == "official" and len(set(golds)) == 1:
        pred = pred.replace("\n", " ").replace("\t", " ").strip()
    else:
        pred, golds = vqa_text(pred, flavour), [vqa_text(g, flavour) for g in golds]
    scores = [min(1, sum(g == pred for j, g in enumerate(golds) if j != i) / 3) for i in range(len(golds))]
    return sum(scores) / len(scores)


def number(text):
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def relaxed(q, flavour):
    pred = q["prediction"].strip() if flavour == "vlmevalkit" else q["prediction"]

    def right(gold):
        p, g = number(pred), number(gold)
        if p is not None and g:
            return abs(p - g) / abs(g) <= 0.05
        return pred.lower() == gold.lower()

    return float(any(map(right, q["answers"])))


def match(q, flavour):
    clean = lambda t: t.strip().lower().translate(str.maketrans("", "", string.punctuation
                                                                if flavour == "lmms" else ""))
    return float(clean(q["prediction"]) in [clean(a) for a in q["answers"]])


def ocrbench(q, flavour):
    formula = q.get("category") in ("HME100k", "Handwritten Mathematical Expression Recognition")
    fold = {c: c - 0xfee0 for c in range(0xff01, 0xff5f)} | {0x3000: " "} if flavour == "lmms" and not formula else {}
    clean = lambda t: t.strip().replace("\n", " ").replace(" ", "") if formula else t.translate(fold).lower().strip(
    ).replace("\n", " ")
    return float(any(clean(a) in clean(q["prediction"]) for a in q["answers"]))


REFUSALS = ("Sorry, I can't help with images of people yet.", "I can't process this file.",
            "I'm sorry, but without the image provided", "Cannot determine the answer")


def letter_vlmevalkit(text, options):
    if "Failed to obtain answer via API" not in text:
        if any(r in text for r in REFUSALS):
            return "Z"
        words = "".join(" " if c in ".()[],:;!*#{}" else c for c in text).split()
        there = [c for c in options if c in words]
        if len(there) == 1 and words.index(there[0]) > len(words) - 5:
            return there[0]
        if not there and "Z" in words:
            return "Z"
    text = text.lower()
    if len(text) > 2 * sum(map(len, options.values())):
        return ""
    there = [c for c, t in options.items() if t.lower() in text]
    return there[0] if len(there) == 1 else ""


def letter_mmmu(text, options, lmms):
    for c in ",.!?;:'":
        text = text.strip(c)
    text = " " + text + " "
    forms = ["({})"] + (["{} ", "{}."] if lmms else [" {} "])
    found, form = [], None
    for form in forms:
        found = [c for c in options if form.format(c) in text]
        if found:
            break
    if found:
        seen = [text.rfind(f"({c})" if form == "({})" else f" {c} ") for c in found]
    else:
        if len(text.split()) <= 5:
            return ""
        found = [c for c, t in options.items() if t.lower() in text.lower()]
        seen = [text.lower().rfind(options[c].lower()) for c in found]
    return found[seen.index(max(seen))] if found else ""


def options_of(q):
    return {c: t for c, t in zip(string.ascii_uppercase, q.get("options", [])) if t}


def choice(q, flavour):
    got = letter_vlmevalkit(q["prediction"], options_of(q)) if flavour == "vlmevalkit" else letter_mmmu(
        q["prediction"], options_of(q), flavour == "lmms")
    return float(got in q["answers"]), got


def yes_no(text, flavour):
    text = text.lower()
    if flavour == "vlmevalkit":
        words = punctuation(text, flavour).split()
        return "unknown" if ("yes" in words) == ("no" in words) else "yes" if "yes" in words else "no"
    if flavour == "lmms":
        text = text.strip().replace(".", "")
        if text in ("y", "n"):
            return {"y": "yes", "n": "no"}[text]
    return "yes" if "yes" in text[:4] else "no" if "no" in text[:4] else "unknown"


def yesno(q, flavour):
    got = yes_no(q["prediction"], flavour)
    return float(got != "unknown" and got in [yes_no(a, "lmms") for a in q["answers"]]), got


BOX = re.compile(r"\[\s*(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?)\s*\]",
                 re.ASCII)


def box_iou(q, flavour):
    w, h = q["size"]
    found = BOX.search(q["prediction"])
    if not found:
        return 0.0
    b = [float(x) for x in found.groups()]
    if flavour == "lmms":
        b = [b[0] * w, b[1] * h, b[2] * w, b[3] * h]
    else:
        most = max(map(abs, b))
        if most <= 1000:
            unit = 1 if most <= 1.5 else 1000
            b = [b[0] / unit * w, b[1] / unit * h, b[2] / unit * w, b[3] / unit * h]
        b = [min(max(b[0], 0), w), min(max(b[1], 0), h), min(max(b[2], 0), w), min(max(b[3], 0), h)]
        b = [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]

    def iou(g):
        inside = max(0, min(b[2], g[2]) - max(b[0], g[0])) * max(0, min(b[3], g[3]) - max(b[1], g[1]))
        union = (b[2] - b[0]) * (b[3] - b[1]) + (g[2] - g[0]) * (g[3] - g[1]) - inside
        return inside / union if union > 0 else 0.0

    return max(iou([float(x) for x in BOX.search(a).groups()]) for a in q["answers"])


TIME = re.compile(r"(?<![A-Za-z0-9._:,])(?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|(\d+):(\d\d(?:\.\d+)?)|(\d+(?:\.\d+)?))(?![:.,]?\d)", re.ASCII)


def temporal_iou(q, flavour):
    def interval(text):
        t = []
        for m in TIME.finditer(text):
            f = [float(x) for x in m.groups() if x]
            if any(x >= 60 for x in f[1:]) or re.match(r"(?!s(ec(ond)?s?)?\b)[A-Za-z]", text[m.end():]):
                continue
            unit = re.match(r" *s(ec(ond)?s?)?\b", text[m.end():])
            t.append([sum(x * 60**i for i, x in enumerate(reversed(f))), len(f) > 1 or unit is not None, m.start(), m.end() + (unit.end() if unit else 0)])
        for a, b in reversed(list(zip(t, t[1:]))):
            a[1] |= b[1] and text[a[3]:b[2]].strip(" <>") in ("to", "and", "until", "-", ",")
        t = [x[0] for x in t if x[1] or not any(y[1] for y in t)]
        return (t[0], t[min(1, len(t) - 1)]) if t and t[0] <= t[min(1, len(t) - 1)] else None

    def iou(a, b):
        if not a or not b:
            return 0.0
        shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
        both = a[1] - a[0] + b[1] - b[0] - shared
        return shared / both if both > 0 else float(a == b)

    return max(iou(interval(q["prediction"]), interval(a)) for a in q["answers"])


def rule(q):
    """-> score and what was extracted (None: not compared)"""
    flavour = q["flavour"]
    if q["metric"] == "box":
        return float(box_iou(q, flavour) >= 0.5), None
    got = globals()[q["metric"]](q, flavour)
    return got if isinstance(got, tuple) else (got, None)


# --- fixtures ---------------------------------------------------------------------------------------------------------
TEN = lambda k, a="yes", b="no": [a] * k + [b] * (10 - k)
F = []


def fixture(metric, prediction, answers, scores, **more):
    """scores: one for all flavours, or (official, vlmevalkit, lmms)"""
    for flavour, score in zip(FLAVOURS, scores if isinstance(scores, tuple) else (scores,) * 3):
        F.append((dict(metric=metric, flavour=flavour, prediction=prediction, answers=answers, **more), score))


fixture("anls", "hello", ["Hello "], 1.0)
fixture("anls", "abcd", ["abxy"], 0.5)  # a distance of exactly a half scores a half ...
fixture("anls", "abcde", ["abxyz"], 0.0)  # ... and more of it nothing
fixture("anls", "abcdef", ["abcxyz"], 0.5)
fixture("anls", "", [""], 1.0)
fixture("anls", "x", [""], 0.0)
fixture("anls", "a  b", ["a b"], 1.0)
fixture("anls", "a      b", ["a c"], (1 - 1 / 8, 1 - 1 / 3, 1 - 1 / 8))  # white space makes the raw text longer
fixture("anls", "strasse", ["straße"], (1 - 2 / 7, 1 - 2 / 7, 1 - 2 / 7))
fixture("anls", "ßa", ["ßb"], (1 - 1 / 3, 0.5, 1 - 1 / 3))  # upper case is a letter longer
fixture("anls", "ÄB", ["äb"], 1.0)
fixture("anls", "日本", ["日本語"], 1 - 1 / 3)  # code points, not bytes
fixture("anls", "nothing like it", ["4.50", "4,50", "nothing like it at all"], 1 - 7 / 22)
for k, score in enumerate((0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1)):
    fixture("vqa", "yes", TEN(k), score)
fixture("vqa", "yes", ["yes"], 0.0)  # a single answer has no others
fixture("vqa", "yes", ["yes"] * 3, 2 / 3)
fixture("vqa", "Yes", ["yes"] * 10, (0.0, 1.0, 1.0))  # official: ten equal answers are compared raw
fixture("vqa", "yes\n", ["yes"] * 10, 1.0)
fixture("vqa", "the two dogs.", TEN(4, "2 dogs", "dog"), 1.0)
fixture("vqa", "none", TEN(4, "0", "1"), 1.0)
fixture("vqa", "dont", TEN(4, "don't", "do"), 1.0)
fixture("vqa", "somebody'd", TEN(4, "somebodyd", "x"), 1.0)
fixture("vqa", "1,000", TEN(4, "1000", "x"), 1.0)
fixture("vqa", "1,,000", TEN(4, "1 000", "x"), (1.0, 1.0, 0.0))  # no digit, comma, digit: both commas become a space
fixture("vqa", "a-b", TEN(4, "b", "x"), 1.0)  # what is left of a mark can be an article
fixture("vqa", "c-b", TEN(4, "c b", "x"), 1.0)
fixture("vqa", "c -b", TEN(4, "c b", "x"), 1.0)
fixture("vqa", "3.", TEN(4, "3", "x"), (1.0, 0.0, 1.0))  # VLMEvalKit keeps the stop behind a digit
fixture("vqa", "3.5", TEN(4, "3.5", "x"), 1.0)
fixture("vqa", "." * 40 + "x", TEN(4, "." * 40 + "x", "y"), 1.0)
fixture("vqa", "." * 32 + "x", TEN(4, "x", "y"), 1.0)  # 32 stops go, and no more
fixture("vqa", "." * 33 + "x", TEN(4, "x", "y"), (0.0, 1.0, 0.0))
fixture("vqa", "dog's", TEN(4, "dog 's", "x"), (0.0, 0.0, 1.0))
fixture("vqa", "what?", TEN(4, "what", "x"), 1.0)
fixture("vqa", "yes,no", TEN(4, "yesno", "x"), (0.0, 0.0, 1.0))
fixture("relaxed", "105", ["100"], 1.0)
fixture("relaxed", "105.1", ["100"], 0.0)
fixture("relaxed", "95", ["100"], 1.0)
fixture("relaxed", "94.9", ["100"], 0.0)
fixture("relaxed", "0.0", ["0"], 0.0)  # a true 0 wants the same text
fixture("relaxed", "0", ["0"], 1.0)
fixture("relaxed", "5", ["5%"], 0.0)
fixture("relaxed", "0.05", ["5%"], 1.0)
fixture("relaxed", "5%", ["5%%"], 1.0)
fixture("relaxed", "1,000", ["1000"], 0.0)
fixture("relaxed", "1_000", ["1000"], 1.0)
fixture("relaxed", "1__000", ["1000"], 0.0)
fixture("relaxed", " 1e3 ", ["1000"], 1.0)
fixture("relaxed", "nan", ["nan"], 0.0)
fixture("relaxed", "inf", ["Inf"], 0.0)
fixture("relaxed", "1e999", ["1e400"], 0.0)
fixture("relaxed", "1e-999", ["0"], 0.0)
fixture("relaxed", "Red", ["red"], 1.0)
fixture("relaxed", " red", ["red"], (0.0, 1.0, 0.0))  # VLMEvalKit strips the prediction
fixture("relaxed", "10 apples", ["10"], 0.0)
fixture("relaxed", "-10.4", ["-10"], 1.0)
fixture("relaxed", "7", ["3", "7"], 1.0)
fixture("relaxed", "٣", ["3"], 1.0)
fixture("relaxed", "%", ["%"], 1.0)
fixture("match", " Red", ["red"], 1.0)
fixture("match", "red.", ["red"], (0.0, 0.0, 1.0))
fixture("ocrbench", "The word is HELLO\nWORLD.", ["hello world"], 1.0)
fixture("ocrbench", "hello", ["hello world"], 0.0)
fixture("ocrbench", "anything", [""], 1.0)
fixture("ocrbench", r"\frac { A } { b }", [r"\frac{A}{b}"], 1.0, category="HME100k")
fixture("ocrbench", "ＡＢＣ", ["abc"], (0.0, 0.0, 1.0))
fixture("ocrbench",
        r"\frac { a } { b }", [r"\frac{A}{b}"],
        0.0,
        category="Handwritten Mathematical Expression Recognition")
fixture("ocrbench", r"\frac { A } { b }", [r"\frac{A}{b}"], 0.0)
OPTIONS = ["a cat", "a dog", "a bird", ""]
fixture("choice", "B", ["B"], 1.0, options=OPTIONS)
fixture("choice", "b", ["B"], 0.0, options=OPTIONS)
fixture("choice", "(B)", ["B"], 1.0, options=OPTIONS)
fixture("choice", "The answer is B.", ["B"], 1.0, options=OPTIONS)
fixture("choice", "B. a dog, as it is plain to see", ["B"], (1.0, 1.0, 1.0), options=OPTIONS)
fixture("choice", "B one two three", ["B"], 1.0, options=OPTIONS)  # the letter is one of the last four words
fixture("choice", "B one two three four", ["B"], (1.0, 0.0, 1.0), options=OPTIONS)
fixture("choice", "it is A or B", ["B"], (1.0, 0.0, 1.0), options=OPTIONS)
fixture("choice", "a dog", ["B"], (0.0, 1.0, 0.0), options=OPTIONS)  # MMMU looks at texts in long answers alone
fixture("choice", "I think it must be a dog", ["B"], (1.0, 1.0, 1.0), options=OPTIONS)
fixture("choice", "a cat and a dog", ["B"], 0.0, options=OPTIONS)
fixture("choice", "D", ["D"], 0.0, options=OPTIONS)  # an option that is not there
fixture("choice", "(A) or rather (C)", ["C"], (1.0, 0.0, 1.0), options=OPTIONS)
fixture("choice", "Sorry, I can't help with images of people yet.", ["A"], 0.0, options=OPTIONS)
fixture("yesno", "Yes", ["yes"], 1.0)
fixture("yesno", "Yes, there is no dog", ["Yes"], (1.0, 0.0, 1.0))
fixture("yesno", "There is a dog: yes", ["Yes"], (0.0, 1.0, 0.0))
fixture("yesno", "nothing", ["No"], (1.0, 0.0, 1.0))
fixture("yesno", "y", ["Yes"], (0.0, 0.0, 1.0))
fixture("yesno", " no", ["No"], 1.0)
fixture("yesno", "   no", ["No"], (0.0, 1.0, 1.0))
fixture("yesno", "maybe", ["No"], 0.0)
SIZE = dict(size=[200, 100])
fixture("box", "[100, 100, 500, 500]", ["[20, 10, 100, 50]"], (1.0, 1.0, 0.0), **SIZE)  # thousandths
fixture("box", "[0.1, 0.1, 0.5, 0.5]", ["[20, 10, 100, 50]"], 1.0, **SIZE)  # shares
fixture("box_iou", "at [0, 0, 0.5, 1.0]", ["[0, 0, 200, 100]"], 0.5, **SIZE)
fixture("box", "[0, 0, 0.5, 1.0]", ["[0, 0, 200, 100]"], 1.0, **SIZE)  # 0.5 is enough
fixture("box", "[0, 0, 0.49, 1.0]", ["[0, 0, 200, 100]"], 0.0, **SIZE)
fixture("box", "[0.5, 0.5, 0.1, 0.1]", ["[20, 10, 100, 50]"], (1.0, 1.0, 0.0), **SIZE)  # corners in the other order
fixture("box_iou", "[0, 0, 1.5, 1.5]", ["[0, 0, 200, 100]"], (1.0, 1.0, 1 / 2.25), **SIZE)
fixture("box_iou", "[0, 0, 1.6, 1.6]", ["[0, 0, 200, 100]"], (0.0016 * 0.0016, 0.0016 * 0.0016, 1 / 2.56), **SIZE)
fixture("box_iou", "[0, 0, 1000, 1000]", ["[0, 0, 200, 100]"], (1.0, 1.0, 1 / 1e6), **SIZE)
fixture("box_iou", "[0, 0, 1000, 500]", ["[0, 0, 200, 50]"], (1.0, 1.0, 1e-6), **SIZE)
fixture("box_iou", "[0, 0, 1001, 50]", ["[0, 0, 200, 100]"], (0.5, 0.5, 1 / (1001 * 50)), **SIZE)  # pixels
fixture("box", "the whole picture", ["[20, 10, 100, 50]"], 0.0, **SIZE)
fixture("box", "(1, 2, 3, 4) or [1, 2, 3] or [100,100,500,500]", ["[20, 10, 100, 50]"], (1.0, 1.0, 0.0), **SIZE)

for text, truth, score in [("from 2 to 4.5 seconds", "2 to 4.5", 1.0), ("0:02-0:04.5", "from 2 to 4.5 s", 1.0),
                           ("It begins at 2 s and ends at 4 s", "3 to 5", 1 / 3), ("from 4 to 2 s", "2 to 4", 0.0),
                           ("[0, 1]", "1 to 2", 0.0), ("3 s", "3 s", 1.0), ("never", "1 to 2", 0.0), ("1,000", "0 to 2000", 0.0),
                           ("<2.0 seconds> to <4.0 seconds>", "3 to 5", 1 / 3), ("1:00 to 1:30", "60 to 90 seconds", 1.0)]:
    fixture("temporal_iou", text, [truth], score)

# --- chance -----------------------------------------------------------------------------------------------------------
PIECES = {
    "anls": list("abAB  ßäÖΣσιİ\t") + ["ﬁ", "word", "WORD"],
    "vqa": [
        "yes", "no", "a", "an", "the", "dont", "couldn'tve", "'s", "two", "none", "ten", "1", "2", ",", ".", "..", "?",
        "!", "-", "/", " ", " ", " ", "\n", "\t", "Yes", "let's", "y'alld've", "٣", "ow's'at", "\u3000"
    ],
    "relaxed": [
        "1", "2", "5", "0", ".", "e", "E", "-", "+", "_", "%", " ", "inf", "NaN", "infinity", "٣", "x", "\u2003", "00",
        "9"
    ],
    "match": ["a", "B", ".", "!", " ", "é", "\u00a0"],
    "ocrbench": ["a", "A", "b", " ", "\n", "\\", "É", "ａ", "\u3000"],
    "choice": [
        "A", "B", "C", "D", "Z", "(A)", "(B)", "A.", "B.", " ", " ", " ", "a cat", "a DOG", "is", "the", ",", ":", "!",
        "*", "word"
    ],
    "yesno": ["yes", "no", "Yes", "NO", "y", "n", ".", ",", " ", " ", "not", "-", "maybe", "\n"],
    "temporal_iou": ["1", "2.5", "12", " to ", "-", " ", "0:05", "1:30", "1:60", ".", "x", "from ", ", "],
    "box_iou": [
        "[", "]", "(", ",", ", ", "0.1", "0.5", "1", "1.5", "1.6", "250", "1000", "1001", "-3", " ",
        "[0.1, 0.2, 0.7, 0.9]", "[10, 20, 300, 400]", "[700,900,10,-20]", "."
    ],
}


def random_question(rng):
    metric = rng.choice(list(PIECES))
    text = lambda most: "".join(rng.choice(PIECES[metric]) for _ in range(rng.randint(0, most)))
    q = dict(metric=metric, flavour=rng.choice(FLAVOURS), prediction=text(9))
    near = lambda: rng.choice([q["prediction"], q["prediction"].strip().lower(), text(5)])
    q["answers"] = [near() for _ in range(10 if metric == "vqa" else rng.randint(1, 3))]
    if metric == "vqa" and rng.random() < 0.2:
        q["answers"] = q["answers"][:1] * 10
    if metric == "choice":
        q["options"], q["answers"] = rng.sample(["a cat", "a dog", "Bird", "", "12", "a"],
                                                rng.randint(2, 5)), [rng.choice("ABCD")]
    if metric == "yesno":
        q["answers"] = [rng.choice(["yes", "no", "Yes."])]
    if metric == "ocrbench":
        q["category"] = rng.choice(["HME100k", "x"])
    if metric == "box_iou":
        q["answers"], q["size"] = [rng.choice(["[20, 10, 100, 50]", "[0, 0, 200, 100]",
                                               "[30.5, 2, 60, 99]"])], [200, 100]
    return q


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = str(pathlib.Path(sys.argv[1]).resolve())

    def ask(items):
        text = "".join(json.dumps(i) + "\n" for i in items)
        done = subprocess.run([program], input=text, capture_output=True, text=True, timeout=300)
        check(done.returncode == 0, f"score_lines: {done.stderr}")
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    for (q, score), got in zip(F, ask([q for q, _ in F])):
        by_rule, extracted = rule(q)
        check(abs(by_rule - score) < 1e-12, f"the rule itself: {q}: {by_rule}, fixture {score}")
        check(
            abs(got["score"] - score) < 1e-12 and extracted in (None, got["extracted"]),
            f"{q}: {got}, fixture {score} {extracted}")
    rng, n = random.Random(1), 40000
    questions = [random_question(rng) for _ in range(n)]
    positive = {}
    for q, got in zip(questions, ask(questions)):
        score, extracted = rule(q)
        positive[q["metric"]] = positive.get(q["metric"], 0) + (0 < score)
        check(
            abs(got["score"] - score) < 1e-9 and extracted in (None, got["extracted"]),
            f"{q}: {got}, by rule {score} {extracted}")
    check(all(positive.get(m, 0) > 100 for m in PIECES), f"chance makes right answers too: {positive}")

    # every code point that Python's table and ours both know
    newest = unicodedata.unidata_version == "14.0.0"
    points = [c for c in range(1, 0x110000 if newest else 0x1c00) if not 0xd800 <= c < 0xe000]
    for c, got in zip(points, ask([{"lower": chr(c)} for c in points])):
        t = chr(c)
        wanted = dict(lower=t.lower(),
                      upper_length=len(t.upper()),
                      spaces=int(t.isspace()),
                      digits=unicodedata.digit(t) + 1 if t.isdecimal() else 0)
        check(got == wanted, f"U+{c:04X}: {got}, Python {wanted}")
    words = ["ΟΔΟΣ", "ΣΑΣ ΣΑΣ", "Σ", "AΣ", "ΑΣ'Α", "Σ.Σ", "İSTANBUL", "1Σ"]
    for t, got in zip(words, ask([{"lower": t} for t in words])):
        check(got["lower"] == t.lower(), f"{t}: {got['lower']}, Python {t.lower()}")

    # yes and no over several answers, by hand: 3 true, 1 false alarm, 2 missed of which one says neither
    pairs = [["yes", "yes"]] * 3 + [["no", "Yes."]] + [["yes", "no"], ["yes", "perhaps"]] + [["no", "no"]] * 4
    got = ask([{"yesno": pairs}, {"yesno": pairs, "neither_counts": False}, {"yesno": [["no", "no"]]}])
    for g, wanted in zip(got, ((3 / 4, 3 / 5, 2 / 3, 0.7), (3 / 4, 3 / 4, 3 / 4, 0.7), (0, 0, 0, 1))):
        check(all(abs(g[k] - w) < 1e-12 for k, w in zip(("precision", "recall", "f1", "accuracy"), wanted)),
              f"yes and no: {g}, {wanted}")
    print(f"metrics: {len(F)} fixtures, {n} random answers, {len(points)} code points; "
          f"{checks.made} checks, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
