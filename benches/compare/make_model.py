#!/usr/bin/env python3
"""Writes a model of Stable Diffusion 1.5's sizes with random weights, in the layout of diffusers.

    make_model.py FOLDER [--only unet,vae,...]

Real configurations (../support/sd15), a fixed seed, no network; f32 and f16 files of every part,
4.9 GB and 2.5 GB with the 0.6 billion parameters of CLIP ViT-H. Parts that are there are left alone.
"""
import argparse
import json
from pathlib import Path

CONFIGS = Path(__file__).parent.parent / "support" / "sd15"
PARTS = ["unet", "controlnet", "vae", "text_encoder", "image_encoder"]
# Parts of the pipeline; the other two stand beside it.
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}


def build(part):
    """A network with fresh weights, the same ones every time."""
    import diffusers
    import torch
    import transformers

    config = json.loads((CONFIGS / f"{part}.json").read_text())
    torch.manual_seed(15_001 + PARTS.index(part))
    if part in ("text_encoder", "image_encoder"):
        kind = {"text_encoder": "CLIPText", "image_encoder": "CLIPVision"}[part]
        config = getattr(transformers, kind + "Config")(**config)
        return getattr(transformers, config.architectures[0])(config).eval()
    network = getattr(diffusers, config.pop("_class_name"))(**config)
    if part == "controlnet":
        speak(network)
    return network.eval()


def speak(controlnet):
    """Gives the layers that start as zero small random weights: a silent network proves nothing."""
    import torch

    silent = ("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")
    for name, parameter in controlnet.named_parameters():
        if name.startswith(silent):
            spread = 0.02 if parameter.dim() == 1 else 0.5 / parameter[0].numel() ** 0.5
            torch.nn.init.normal_(parameter, std=spread)


def save(network, folder):
    """f32 and f16, one file each."""
    network.save_pretrained(folder, max_shard_size="40GB")
    network.half().save_pretrained(folder, max_shard_size="40GB", variant="fp16")
    if folder.name == "text_encoder":
        for file in folder.glob("*.safetensors"):
            name_as_published(file)


def name_as_published(file):
    """Published checkpoints start every key with `text_model.`; newer transformers leave it out."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    if not any(key.startswith("text_model.") for key in tensors):
        renamed = {"text_model." + key: value.clone() for key, value in tensors.items()}
        save_file(renamed, file, metadata={"format": "pt"})


def write_tokenizer(folder):
    """CLIP's byte alphabet without merges: enough to turn a prompt into ids."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
    tokens = letters + [letter + "</w>" for letter in letters]
    ids = {token: index for index, token in enumerate(tokens)}
    ids |= {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def make(folder, parts=PARTS):
    """Writes what is missing of the model."""
    folder = Path(folder)
    for part in parts:
        if not (folder / part / "config.json").exists():
            print(f"writing {folder / part}", flush=True)
            save(build(part), folder / part)
    if not (folder / "tokenizer" / "vocab.json").exists():
        write_tokenizer(folder / "tokenizer")
    scheduler = folder / "scheduler" / "scheduler_config.json"
    if not scheduler.exists():
        scheduler.parent.mkdir(parents=True, exist_ok=True)
        scheduler.write_text(json.dumps(SCHEDULER, indent=1))
    if not (folder / "model_index.json").exists():
        (folder / "model_index.json").write_text(json.dumps(INDEX, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    make(arguments.folder, arguments.only.split(","))
