"""transformers' own Qwen3-VL in float32 on the CPU, with every intermediate named: what hf_parity.py compares with.

Pixels: torch's uint8 bicubic (what torchvision calls) and torchvision's normalisation, because torchvision itself may be absent;
`pixels_by_processor` is transformers' own class for the sizes that need no resize. Importing exits 77 when a package is missing.
"""
import json
import math
import pathlib
import sys

try:
    import numpy as np
    import tokenizers
    import torch
    import transformers
    from PIL import Image
    from transformers import (LogitsProcessorList, Qwen3VLForConditionalGeneration, Qwen3VLMoeForConditionalGeneration,
                              RepetitionPenaltyLogitsProcessor)
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
    from transformers.utils.chat_template_utils import render_jinja_template
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)


class Question:
    """One prompt: pictures by path, words, and what they become."""

    def __init__(self, text, pictures=(), system=None):
        self.text, self.pictures, self.system = text, [pathlib.Path(p) for p in pictures], system


class Reference:
    def __init__(self, folder, dtype=torch.float32):
        self.folder = pathlib.Path(folder)
        moe = json.loads((self.folder / "config.json").read_text())["model_type"] == "qwen3_vl_moe"
        architecture = Qwen3VLMoeForConditionalGeneration if moe else Qwen3VLForConditionalGeneration
        self.model = architecture.from_pretrained(self.folder, dtype=dtype, local_files_only=True,
                                                  **({"experts_implementation": "eager"} if moe else {})).eval()
        assert all(p.dtype == dtype for p in self.model.parameters())
        self.config = self.model.config
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.preprocess = json.loads((self.folder / "preprocessor_config.json").read_text())
        jinja = self.folder / "chat_template.jinja"
        self.template = jinja.read_text() if jinja.exists() else json.loads((self.folder / "chat_template.json").read_text())["chat_template"]

    # --- pictures ---------------------------------------------------------------------------------------------------
    def load(self, path):
        image = Image.open(path)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
        return image.convert("RGB")

    def target(self, image):
        size = self.preprocess["size"]
        return smart_resize(image.height, image.width, 32, size["shortest_edge"], size["longest_edge"])

    def pixels(self, path):
        """float32 [4N, 1536] in merge-block order, and the grid (1, rows, cols) in patches."""
        image = self.load(path)
        h, w = self.target(image)
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)
        if (h, w) != (image.height, image.width):
            x = torch.nn.functional.interpolate(x, (h, w), mode="bicubic", antialias=True, align_corners=False)
        x = (x[0].float() - 127.5) / 127.5
        x = x.reshape(1, 3, h // 32, 2, 16, w // 32, 2, 16).expand(2, -1, -1, -1, -1, -1, -1, -1)   # frame C bh mh py bw mw px
        x = x.permute(2, 5, 3, 6, 1, 0, 4, 7).reshape(-1, 1536)                                     # bh bw mh mw C frame py px
        return x.contiguous(), (1, h // 16, w // 16)

    def pixels_by_processor(self, path):
        size = self.preprocess["size"]
        processor = Qwen2VLImageProcessorPil(patch_size=16, temporal_patch_size=2, merge_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3, size=size)
        out = processor(images=self.load(path), return_tensors="pt")
        return out["pixel_values"], tuple(out["image_grid_thw"][0].tolist())

    # --- prompt -----------------------------------------------------------------------------------------------------
    def prompt(self, question, grids):
        """Token ids [L] of the rendered and expanded conversation."""
        content = [{"type": "image"} for _ in question.pictures] + [{"type": "text", "text": question.text}]
        messages = ([{"role": "system", "content": question.system}] if question.system else []) + [{"role": "user", "content": content}]
        rendered = render_jinja_template(conversations=[messages], chat_template=self.template, add_generation_prompt=True)
        while not isinstance(rendered, str):
            rendered = rendered[0]
        parts = rendered.split("<|image_pad|>")
        assert len(parts) == len(grids) + 1
        text = parts[0]
        for grid, part in zip(grids, parts[1:]):
            text += "<|image_pad|>" * (math.prod(grid) // 4) + part
        return torch.tensor(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def inputs(self, question, pixels=None):
        """Everything the model takes. `pixels`: use these rows instead of reading the pictures (their grids are still taken)."""
        own = [self.pixels(p) for p in question.pictures]
        grids = [g for _, g in own]
        ids = self.prompt(question, grids)
        out = dict(input_ids=ids[None])
        if grids:
            out.update(pixel_values=torch.cat([x for x, _ in own]) if pixels is None else torch.as_tensor(pixels), image_grid_thw=torch.tensor(grids),
                       mm_token_type_ids=(ids == self.config.image_token_id).int()[None])
        return out

    def positions(self, inputs):
        """[3, L]"""
        length = inputs["input_ids"].shape[1]
        if "image_grid_thw" not in inputs:
            return torch.arange(length).expand(3, -1)
        table, _ = self.model.model.get_rope_index(inputs["input_ids"], inputs["mm_token_type_ids"], image_grid_thw=inputs["image_grid_thw"])
        return table[:, 0]

    @torch.no_grad()
    def vision(self, inputs):
        """Merged tokens [N, H] and a list of DeepStack levels [N, H]."""
        if "pixel_values" not in inputs:
            return None, []
        out = self.model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"], return_dict=True)
        return torch.cat(out.pooler_output), [torch.cat(level) for level in out.deepstack_features]

    # --- whole model ------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def greedy(self, inputs, count, penalty):
        """generate() itself: tokens [count] and the raw logits [count, V] they were chosen from."""
        self.model.model.rope_deltas = None
        g = self.model.generation_config
        g.eos_token_id = g.temperature = g.top_p = g.top_k = None
        out = self.model.generate(**inputs, attention_mask=torch.ones_like(inputs["input_ids"]), do_sample=False, max_new_tokens=count,
                                  repetition_penalty=penalty, return_dict_in_generate=True, output_logits=True)
        return out.sequences[0, inputs["input_ids"].shape[1]:], torch.cat(out.logits)

    @torch.no_grad()
    def forced(self, inputs, ids):
        """Logits [len(ids) + 1, V]: at the prompt's end, and after each of `ids` was fed back."""
        self.model.model.rope_deltas = None
        out = self.model(**inputs, use_cache=True, logits_to_keep=1)
        rows = [out.logits[0, -1]]
        for t in ids:
            out = self.model(input_ids=torch.tensor([[int(t)]]), past_key_values=out.past_key_values, use_cache=True)
            rows.append(out.logits[0, -1])
        return torch.stack(rows)

    # --- a part of the visual tokens ----------------------------------------------------------------------------------
    @torch.no_grad()
    def assembled(self, inputs):
        """Embedded rows [1, L, H] with the pictures in place, their mask [1, L], the levels, and positions [3, 1, L] of the full prompt."""
        ids = inputs["input_ids"]
        rows = self.model.get_input_embeddings()(ids)
        mask = ids == self.config.image_token_id
        tokens, levels = self.vision(inputs)
        if tokens is not None:
            rows = rows.masked_scatter(mask[..., None].expand_as(rows), tokens)
        return rows, mask, levels, self.positions(inputs)[:, None]

    @torch.no_grad()
    def pruned(self, inputs, columns, count=0, penalty=1.0, forced=None):
        """The language model on the surviving columns of the full prompt, each at its own position. Returns the logits of all surviving
        columns [len(columns), V], then `count` greedy tokens (or `forced`) and the logits [count + 1, V] they come from and lead to."""
        rows, mask, levels, positions = self.assembled(inputs)
        columns = torch.as_tensor(columns)
        feature = (mask[0].cumsum(0) - 1)[columns][mask[0, columns]]
        lm, head = self.model.model.language_model, self.model.lm_head
        out = lm(inputs_embeds=rows[:, columns], position_ids=positions[:, :, columns], visual_pos_masks=mask[:, columns],
                 deepstack_visual_embeds=[level[feature] for level in levels] if len(feature) else None, use_cache=True)
        all_logits = head(out.last_hidden_state)[0]
        logits, seen, tokens = [all_logits[-1]], inputs["input_ids"], []
        processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty)])
        start = int(positions.max()) + 1
        for i in range(count if forced is None else len(forced)):
            t = int(processors(seen, logits[-1][None]).argmax()) if forced is None else int(forced[i])
            tokens.append(t)
            seen = torch.cat([seen, torch.tensor([[t]])], 1)
            out = lm(inputs_embeds=self.model.get_input_embeddings()(torch.tensor([[t]])), position_ids=torch.full((3, 1, 1), start + i),
                     past_key_values=out.past_key_values, use_cache=True)
            logits.append(head(out.last_hidden_state)[0, -1])
        return all_logits, tokens, torch.stack(logits)

    @torch.no_grad()
    def masked(self, inputs, columns):
        """The full prompt, with the columns that are not in `columns` hidden from every other row in every layer. [len(columns), V]"""
        rows, mask, levels, positions = self.assembled(inputs)
        length, columns = rows.shape[1], torch.as_tensor(columns)
        visible = torch.zeros(length, dtype=torch.bool)
        visible[columns] = True
        allowed = (torch.ones(length, length, dtype=torch.bool).tril() & visible) | torch.eye(length, dtype=torch.bool)
        bias = torch.zeros(1, 1, length, length).masked_fill(~allowed, torch.finfo(torch.float32).min)
        out = self.model.model.language_model(inputs_embeds=rows, position_ids=positions, attention_mask=bias, visual_pos_masks=mask,
                                              deepstack_visual_embeds=levels or None)
        return self.model.lm_head(out.last_hidden_state[0, columns])
