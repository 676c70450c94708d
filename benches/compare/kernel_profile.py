#!/usr/bin/env python3
"""Where the time of a step goes, kernel by kernel.

    kernel_profile.py PART [--measure BINARY] [--threads N] [--runs 5] [--out FILE]

Lists every convolution, linear layer, attention, norm and gated GELU that the part (unet or vae) runs,
with its shape, by running diffusers' network without values; times each shape once in `measure ops`
(median of the runs) and multiplies by how often it occurs.
"""
import argparse
import collections
import json
import os
import statistics
from pathlib import Path

import torch
from torch.nn import functional

from make_model import CONFIGS
from worker import Worker

PEAK = "linear:4096,4096,4096"
KINDS = {
    "conv3": "3×3 convolution, stride 1",
    "conv": "other convolutions",
    "linear": "linear",
    "attention": "attention",
    "group_norm_silu": "group norm + SiLU",
    "gated_linear": "linear with gated GELU",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["unet", "vae"])
    parser.add_argument("--measure", type=Path, default=Path("target/release/measure"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    text = profile(arguments.part, arguments.measure, arguments.threads, None, arguments.runs)
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


def profile(part, measure, threads, best=None, runs=3):
    """The tables of one part; `best` is the fastest known time of the peak's product, if not our own."""
    counts = operations(part)
    with Worker("fpga", [measure, "ops"], threads) as worker:
        seconds = {name: median(worker, name, runs) for name in [PEAK, *counts]}
    seconds[PEAK] = min(seconds[PEAK], best or seconds[PEAK])
    return table(counts, seconds)


def median(worker, name, runs):
    worker.run(name)
    return statistics.median(worker.run(name) for _ in range(runs))


def operations(part):
    """Name of every operation and how often one run has it."""
    import diffusers

    config = json.loads((CONFIGS / f"{part}.json").read_text())
    with torch.device("meta"):
        network = getattr(diffusers, config.pop("_class_name"))(**config).eval()
    counts = collections.Counter()
    for module in network.modules():
        module.register_forward_hook(lambda module, inputs, output: note(counts, module, inputs, output))
    plain = functional.scaled_dot_product_attention

    def noted(query, key, value, *others, **more):
        batch, heads, queries, width = query.shape
        counts[f"attention:{batch},{queries},{key.shape[2]},{heads},{width}"] += 1
        return plain(query, key, value, *others, **more)

    functional.scaled_dot_product_attention = noted
    with torch.no_grad(), torch.device("meta"):
        if part == "unet":
            network(torch.empty(2, 4, 64, 64), torch.empty(2), torch.empty(2, 77, 768))
        else:
            network.decode(torch.empty(1, 4, 64, 64))
    functional.scaled_dot_product_attention = plain
    # Without what became part of something else.
    return +counts


def note(counts, module, inputs, output):
    kind = type(module).__name__
    if kind in ("Conv2d", "LoRACompatibleConv"):
        batch, channels, height, width = inputs[0].shape
        sizes = [batch, channels, height, width, module.out_channels, module.kernel_size[0], module.stride[0]]
        counts["conv:" + ",".join(map(str, sizes))] += 1
    elif kind == "Linear":
        # Keys and values of the text are computed once per job.
        if inputs[0].dim() == 3 and inputs[0].shape[1] == 77:
            return
        rows = inputs[0].numel() // module.in_features
        counts[f"linear:{rows},{module.in_features},{module.out_features}"] += 1
    elif kind == "GroupNorm" and inputs[0].dim() == 4:
        counts["group_norm_silu:" + ",".join(map(str, inputs[0].shape))] += 1
    elif kind == "GEGLU":
        batch, tokens, outputs = output.shape
        rows, inputs = batch * tokens, module.proj.in_features
        # Its product, which was noted before it, happens in the same pass.
        counts[f"linear:{rows},{inputs},{2 * outputs}"] -= 1
        counts[f"gated_linear:{rows},{inputs},{outputs}"] += 1


def kind_and_flops(name):
    """Kind of an operation and twice its multiplications (a direct convolution's)."""
    kind, _, sizes = name.partition(":")
    sizes = [int(size) for size in sizes.split(",")]
    if kind == "conv":
        batch, inputs, height, width, outputs, kernel, stride = sizes
        flops = 2 * batch * inputs * outputs * kernel**2 * (height // stride) * (width // stride)
        return ("conv3" if (kernel, stride) == (3, 1) else "conv"), flops
    if kind == "linear":
        rows, inputs, outputs = sizes
        return kind, 2 * rows * inputs * outputs
    if kind == "gated_linear":
        rows, inputs, outputs = sizes
        return kind, 4 * rows * inputs * outputs
    if kind == "attention":
        batch, queries, keys, heads, width = sizes
        return kind, 4 * batch * queries * keys * heads * width
    return kind, 0


def table(counts, seconds):
    """Markdown: kinds first, then the shapes that take most."""
    peak = kind_and_flops(PEAK)[1] / seconds[PEAK]
    rows = []
    for name, count in counts.items():
        kind, flops = kind_and_flops(name)
        rows.append((kind, name, count, count * seconds[name], count * flops))
    total = sum(row[3] for row in rows)
    head = "|---|---|---|---|---|---|"
    lines = [
        f"Sum of all: {total:.2f} s. Fastest measured sgemm, 4096³: {peak / 1e9:.0f} GFLOP/s.",
        "",
        "| kind | runs | seconds | share | GFLOP/s | of sgemm |",
        head,
    ]

    def line(label, count, spent, flops):
        speed = flops / spent
        figures = f"{speed / 1e9:.0f} | {speed / peak:.2f}" if flops else "– | –"
        return f"| {label} | {count} | {spent:.3f} | {100 * spent / total:.1f} % | {figures} |"

    for kind, label in KINDS.items():
        own = [row for row in rows if row[0] == kind]
        if own:
            lines.append(line(label, *(sum(row[index] for row in own) for index in (2, 3, 4))))
    lines += ["", "| shape | runs | seconds | share | GFLOP/s | of sgemm |", head]
    for _, name, count, spent, flops in sorted(rows, key=lambda row: -row[3])[:12]:
        lines.append(line(f"`{name}`", count, spent, flops))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
