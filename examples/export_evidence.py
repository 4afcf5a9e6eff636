"""Writes what transformers' Qwen3-VL sees of one picture, for `arrcoc allocate --evidence DIR`.

usage: export_evidence.py MODEL PICTURE QUESTION DIR
then:  arrcoc allocate --evidence DIR -i PICTURE --budget 64
"""
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, Qwen3VLForConditionalGeneration

name, picture, question, folder = sys.argv[1:]
model = Qwen3VLForConditionalGeneration.from_pretrained(name, dtype=torch.float32).eval()
processor, tokenizer = AutoImageProcessor.from_pretrained(name), AutoTokenizer.from_pretrained(name)
inputs = processor(images=[Image.open(picture).convert("RGB")], return_tensors="pt")
with torch.no_grad():
    seen = model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    words = tokenizer(question, add_special_tokens=False, return_tensors="pt")["input_ids"]
    query = model.get_input_embeddings()(words)[0].mean(0)  # the question's own words: no template, no padding
tokens, levels = (seen.pooler_output, seen.deepstack_features) if hasattr(seen, "pooler_output") else seen
rows, cols = (inputs["image_grid_thw"][0, 1:] // model.config.vision_config.spatial_merge_size).tolist()
out = pathlib.Path(folder)
out.mkdir(parents=True, exist_ok=True)
arrays = {"vision": tokens, "query": query, **{f"deepstack_{k}": level for k, level in enumerate(levels)}}
for key, value in arrays.items():
    np.save(out / f"{key}.npy", value.float().numpy())
np.save(out / "grids.npy", np.array([[rows, cols]], dtype=np.int64))
