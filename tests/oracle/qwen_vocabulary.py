"""Qwen's vocabulary and merges, from the published ranks (one `base64 rank` a line).

A multi-byte entry came from one merge: the two parts that byte-pair merging leaves of it when only lower ranks may merge.
"""
import base64
import json
import os
import pathlib
import tempfile

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
           "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
PLAIN = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
         "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"]


def ranks_file():
    """The ranks beside the project, or where ARRCOC_SHARED says; None if absent."""
    shared = os.environ.get("ARRCOC_SHARED")
    root = pathlib.Path(shared) if shared else pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
    path = root / "tokenizer" / "qwen.tiktoken"
    return path if path.is_file() else None


def byte_characters():
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, n = {b: chr(b) for b in kept}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + n)
            n += 1
    return table


def vocabulary_and_merges(path):
    """({content: id}, [(left, right)]) in the byte-level alphabet."""
    cache = pathlib.Path(tempfile.gettempdir()) / f"arrcoc-qwen-merges-{os.getuid()}-{path.stat().st_size}.json"
    if cache.is_file():
        stored = json.loads(cache.read_text())
        return stored["vocab"], [tuple(m) for m in stored["merges"]]
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    table = byte_characters()
    spell = lambda raw: "".join(table[b] for b in raw)
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) == 1:
            continue
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            best, at = min((ranks.get(parts[i] + parts[i + 1], rank), i) for i in range(len(parts) - 1))
            assert best < rank, token
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        merges.append((spell(parts[0]), spell(parts[1])))
    vocab = {spell(token): rank for token, rank in ranks.items()}
    scratch = cache.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({"vocab": vocab, "merges": merges}))
    scratch.replace(cache)
    return vocab, merges


def build(path):
    """Hugging Face's own Tokenizer with Qwen3-VL's components and added tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    vocab, merges = vocabulary_and_merges(path)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in PLAIN])
    return tokenizer
