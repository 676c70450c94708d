#!/usr/bin/env python3
"""The works of `card` in PyTorch and diffusers: half precision, channels_last, the UNet and ControlNet compiled.

    peer_card.py SIZE [--device cuda] [--precision f16] [--side 512] [--runs 5] [--steps 20] [--eager]

Prints a line of JSON per work, as `card` does, and the UNet's operations per step. Networks have the same sizes and
random weights; what is in them changes no time.
"""
import argparse
import json
import time
from pathlib import Path

import torch

CONFIGS = Path(__file__).parent.parent / "support"
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def network(kind, size, part, options):
    """A network of these sizes on the device."""
    import diffusers

    folder = CONFIGS / size
    folder = folder if (folder / f"{part}.json").exists() else CONFIGS / "sd15"
    config = json.loads((folder / f"{part}.json").read_text())
    config.pop("_class_name")
    torch.manual_seed(15)
    built = getattr(diffusers, kind)(**config).eval().requires_grad_(False)
    return built.to(options.device, DTYPES[options.precision], memory_format=torch.channels_last)


def conditions(unet, rows, options):
    """Text, and what SDXL wants beside it."""
    place = {"device": options.device, "dtype": DTYPES[options.precision]}
    width = unet.config.cross_attention_dim
    context = torch.randn(rows, 77, width, **place)
    if unet.config.addition_embed_type is None:
        return context, None
    pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    added = {"text_embeds": torch.randn(rows, pooled, **place), "time_ids": torch.full((rows, 6), 1024.0, **place)}
    return context, added


def works(options):
    """Every work by name, and the UNet's operations per step."""
    import diffusers
    from torch.utils.flop_counter import FlopCounterMode

    place = {"device": options.device, "dtype": DTYPES[options.precision]}
    side = min(16 * options.side, 8192)
    factor = torch.randn(side, side, **place)
    yield "matmul", lambda: factor @ factor, 2 * side**3

    unet = network("UNet2DConditionModel", options.size, "unet", options)
    latents = torch.randn(2, 4, options.side // 8, options.side // 8, **place)
    latents = latents.to(memory_format=torch.channels_last)
    context, added = conditions(unet, 2, options)
    counter = FlopCounterMode(display=False)
    with counter:
        unet(latents, 501.0, context, added_cond_kwargs=added, return_dict=False)
    compiled = unet if options.eager else torch.compile(unet)

    def step(residuals=None):
        down, mid = residuals or (None, None)
        return compiled(
            latents,
            501.0,
            context,
            added_cond_kwargs=added,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]

    yield "unet", step, counter.get_total_flops()

    controlnet = diffusers.ControlNetModel.from_unet(unet).eval().requires_grad_(False)
    controlnet = controlnet.to(options.device, DTYPES[options.precision], memory_format=torch.channels_last)
    beside = controlnet if options.eager else torch.compile(controlnet)
    picture = torch.randn(2, 3, options.side, options.side, **place)
    yield "unet_controlnet", lambda: step(
        beside(latents, 501.0, context, picture, added_cond_kwargs=added, return_dict=False)
    ), None

    vae = network("AutoencoderKL", options.size, "vae", options)
    scheduler = diffusers.DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)

    def txt2img():
        scheduler.set_timesteps(options.steps)
        one = torch.randn(1, 4, *latents.shape[2:], **place)
        for timestep in scheduler.timesteps:
            both = torch.cat([one, one]).to(memory_format=torch.channels_last)
            output = compiled(both, timestep, context, added_cond_kwargs=added, return_dict=False)[0]
            without, given = output.chunk(2)
            one = scheduler.step(without + 7.5 * (given - without), timestep, one).prev_sample
        return vae.decode(one / vae.config.scaling_factor, return_dict=False)[0].float().cpu()

    yield "txt2img", txt2img, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=["tiny", "sd15", "sdxl"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", choices=DTYPES, default="f16")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    options = parser.parse_args()
    card = options.device.startswith("cuda")
    with torch.inference_mode():
        for name, run, operations in works(options):
            seconds = []
            for _ in range(options.runs + 1):
                start = time.perf_counter()
                run()
                if card:
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - start)
            first, others = seconds[0], sorted(seconds[1:])
            line = {
                "engine": "torch", "work": name, "precision": options.precision,
                "side": options.side, "steps": options.steps, "first": first,
                "median": others[len(others) // 2], "best": others[0], "operations": operations,
                "reserved": torch.cuda.memory_reserved() if card else None,
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
