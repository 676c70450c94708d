#!/usr/bin/env python3
"""Writes what `memory.c` loads beside a model of Stable Diffusion 1.5's sizes: random numbers in f16.

    memory.py FOLDER

`lora.safetensors` changes all 128 attention matrices of the UNet, with rank 16; `adapter.safetensors` is as
large as a FaceID of four tokens.
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

TEXT, RANK, FACE, TOKENS = 768, 16, 512, 4
# Channels of the transformers, in the order of diffusers' `attn_processors`.
DOWN = [("down_blocks", block, width) for block, width in enumerate([320, 640, 1280]) for _ in range(2)]
UP = [("up_blocks", block + 1, width) for block, width in enumerate([1280, 640, 320]) for _ in range(3)]


def places():
    """Every transformer: its path and its width."""
    seen = {}
    for side, block, width in DOWN + UP:
        index = seen.setdefault((side, block), 0)
        seen[side, block] += 1
        yield f"{side}_{block}_attentions_{index}", width
    yield "mid_block_attentions_0", 1280


def noise(*shape):
    return torch.randn(*shape).mul(0.02).half()


def lora():
    tensors = {}
    for place, width in places():
        for attention, source in (("attn1", width), ("attn2", TEXT)):
            for matrix in ("to_q", "to_k", "to_v", "to_out_0"):
                name = f"lora_unet_{place}_transformer_blocks_0_{attention}_{matrix}"
                read = source if matrix in ("to_k", "to_v") else width
                tensors[f"{name}.lora_down.weight"] = noise(RANK, read)
                tensors[f"{name}.lora_up.weight"] = noise(width, RANK)
                tensors[f"{name}.alpha"] = torch.tensor(float(RANK))
    return tensors


def adapter():
    tensors = {
        "image_proj.proj.0.weight": noise(2 * FACE, FACE),
        "image_proj.proj.0.bias": noise(2 * FACE),
        "image_proj.proj.2.weight": noise(TOKENS * TEXT, 2 * FACE),
        "image_proj.proj.2.bias": noise(TOKENS * TEXT),
        "image_proj.norm.weight": noise(TEXT),
        "image_proj.norm.bias": noise(TEXT),
    }
    for index, (_, width) in enumerate(places()):
        for matrix in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * index + 1}.{matrix}.weight"] = noise(width, TEXT)
    return tensors


torch.manual_seed(1)
folder = Path(sys.argv[1])
save_file(lora(), folder / "lora.safetensors")
save_file(adapter(), folder / "adapter.safetensors")
