#!/usr/bin/env python3
"""Writes tests/golden/tokenizer: a small byte-level BPE trained by Hugging Face `tokenizers`, and what that package makes of about 200 texts.

usage: make_tokenizer_golden.py [FOLDER]     needs tokenizers 0.23; deterministic
cases.jsonl: {"text", "ids", "plain" (added tokens as text), "begins" (UTF-8 byte in the text at which each token starts)}
"""
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import qwen_vocabulary as q
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CORPUS = """The map shows a river, two bridges and the old mill. What is written on the sign above the door? It's closed, isn't it?
They'll count the boxes: one, two, three; the total is 42.50 and the date is 2024-05-17. Reading from left to right, the third line says "open".
def area(rows, cols):
    return rows * cols

for i in range(10):
    print(i, area(i, i + 1))
Der Fluss fließt über die Brücke; où est la clé? ¿Dónde está el número? Река течёт под мостом, мельница старая. Το ποτάμι κυλά.
川は橋の下を流れる。地図には何が書いてありますか。河流在桥下流过，门上的牌子写着什么？강은 다리 아래로 흐른다.
النهر يجري تحت الجسر. הנהר זורם מתחת לגשר. नदी पुल के नीचे बहती है। แม่น้ำไหลใต้สะพาน
🙂🙂 👩‍🔬 → ∑ ≤ ≥ ½ ² ₃ aaaa aaaaaaaa    ========  -------- ....\n\n\n\t\t
""".splitlines(keepends=True)

TEXTS = ["", " ", "  ", "   x", "\n", "\n\n", " \n", "\n ", "x \n y", "a\r\n\r\nb", "\t\tx", "a  b", "Hello world", " Hello world", "123", "1a2b", "3.14",
         "it's IT'S we'LL I'd they'Re 'tis", "it'\u017fabc", "'\u212a", "e\u0301", "\u00e9", "\u212b", "a\u0323\u0307 a\u0307\u0323", "\n\u0301\u0323x", "\u1112\u1161\u11ab",
         "q\u0307\u0323q", "\u0958\u0344", "\u0f73\u0f71", "\u07fd\u0301\u0323", "\u180e\u180ex", "\u0085x\u00a0y\u3000z", "\u2028 \u2029", "\x00\x01\x1f\x7f", "\ufeffa\ufffd",
         "<|im_start|>user\nhi<|im_end|>\n", "<<|im_end|>>", "<|im_", "<|im_end", "<|im_end|><|im_end|>", "x<think>y</think>\n\nz", "< think>", "<|IM_END|>",
         "<|vision_start|><|image_pad|><|vision_end|>q", "e<|im_end|>\u0301", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea",
         "\u4e2d\u6587\uff0c", "\u0661\u0662\u0663", "\u00bd\u2167\u3007", "\U000323af\U0002ebf0x", "\U00016d42\U0001e030", "!!!\n\n???", " ...\n", "http://a.b/c?d=1&e=2#f",
         "a" * 47, "a" * 48, "a" * 49, "a" * 500, "=" * 300, " " * 300 + "x", "\n" * 200, "ab" * 150, "\u4e2d" * 100, "a" + "\u0301\u0323" * 40, "-" * 49 + ".", "the " * 60,
         "a\u0301\u07fd", "b\u0301\u0898\u0323", "a" + "\u0301\u0300\u0308\u0323" * 12, "".join(c for c in CORPUS[0] + CORPUS[1] if c.isalpha())]


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "golden" / "tokenizer"
    out.mkdir(parents=True, exist_ok=True)
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(q.PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS * 2, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in q.SPECIAL])
    t.add_tokens([AddedToken(x, normalized=False) for x in q.PLAIN])
    t.save(str(out / "tokenizer.json"), pretty=False)
    plain = Tokenizer.from_str(json.dumps({**json.loads(t.to_str()), "added_tokens": []}))

    rng = random.Random(11)
    texts, pool = list(TEXTS), "".join(CORPUS)
    texts += ["".join(rng.choices("etaoinsrhl", k=rng.randint(60, 120))) for _ in range(12)]  # one long word each
    while len(texts) < 200:
        at = rng.randrange(len(pool) - 60)
        piece = list(pool[at:at + rng.randint(1, 60)])
        for _ in range(rng.randint(0, 6)):
            piece.insert(rng.randint(0, len(piece)), rng.choice(["\u0301", "\u0323", " ", "\n", "'s", "1", "\u00e9", "<|im_end|>", "<think>", chr(rng.randint(0xA0, 0x2FFF))]))
        texts.append("".join(piece))
    with open(out / "cases.jsonl", "w", encoding="utf-8") as f:
        for text in texts:
            e = t.encode(text, add_special_tokens=False)
            begins = [len(text[:begin].encode()) for begin, _ in e.offsets]
            f.write(json.dumps({"text": text, "ids": e.ids, "plain": plain.encode(text, add_special_tokens=False).ids, "begins": begins}, separators=(",", ":")) + "\n")
    print(f"{len(texts)} texts, {t.get_vocab_size()} tokens, {sum(p.stat().st_size for p in out.iterdir())} bytes")


if __name__ == "__main__":
    main()
