"""The table and the chart of a comparison."""

TITLES = {
    "unet": "UNet step, [2, 4, 64, 64], f32",
    "control": "UNet + ControlNet step, [2, 4, 64, 64]",
    "vae": "VAE decode, 512×512",
    "text": "CLIP-L text, [2, 77]",
    "vision": "CLIP ViT-H/14, one picture",
    "generate": "prompt to picture, 512×512, 2 steps",
    "vae2048": "VAE decode, 2048×2048 in tiles",
}
ENGINES = {
    "fpga": "this library",
    "fpga_f16": "this library, weights in f16",
    "fpga_avx2": "this library, AVX2 kernels",
    "torch": "PyTorch channels_last",
    "torch_nchw": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO f32",
    "openvino_bf16": "OpenVINO bf16",
}


def is_op(row):
    return ":" in row["name"]


def table(results):
    """Markdown."""
    machine = results["machine"]
    lines = [
        f"Machine: {machine['processor']}, {machine['cores']} cores ({', '.join(machine['instructions'])}),"
        f" {machine['memory_gb']} GB, {machine['system']}. {results['threads']} threads.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in results["versions"].items()) + ".",
        "",
        f"{results['started']}, load average before the start {results['load_before']:.2f}."
        " Ratio: median of this library over median of the engine, both from the same rounds;"
        " best: the same of the fastest runs.",
    ]
    rows = [row for row in results["rows"] if not is_op(row)]
    for name in dict.fromkeys(row["name"] for row in rows):
        lines += ["", f"### {TITLES[name]}", "", PART_HEAD]
        lines += [part_line(results, row) for row in rows if row["name"] == name]
    ops = [row for row in results["rows"] if is_op(row)]
    if ops:
        lines += ["", "### Single operations", "", OP_HEAD]
        lines += [op_line(results, row) for row in ops if row["engine"] != "fpga"]
    if sdcpp := results.get("stable_diffusion_cpp"):
        lines += ["", f"stable-diffusion.cpp, not in turns: {sdcpp['seconds_per_step']:.1f} s per step."]
    return "\n".join(lines) + "\n"


PART_HEAD = """\
| engine | median s | min–max | n | ratio | best | peak memory GB | load s | first result s | relative L2 to ours |
|---|---|---|---|---|---|---|---|---|---|"""
OP_HEAD = """\
| operation | engine | ours ms | its ms | min–max | n | ratio | best | relative L2 |
|---|---|---|---|---|---|---|---|---|"""


def best(results, row):
    """Ratio of the fastest runs of the same rounds."""
    ours = next(
        other
        for other in results["rows"]
        if (other["plan"], other["name"], other["engine"]) == (row["plan"], row["name"], "fpga")
    )
    return min(ours["seconds"]) / min(row["seconds"])


def part_line(results, row):
    ours = row["engine"] == "fpga"
    cells = [
        ENGINES[row["engine"]],
        f"{row['median']:.3g}",
        f"{min(row['seconds']):.3g}–{max(row['seconds']):.3g}",
        str(len(row["seconds"])),
        "" if ours else f"**{row['ratio']:.2f}**",
        "" if ours else f"{best(results, row):.2f}",
        f"{row['memory_peak'] / 1e9:.2f}",
        f"{row['load_seconds']:.1f}",
        f"{row['first_result_seconds']:.1f}",
        "" if ours else f"{row['difference']:.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


def op_line(results, row):
    cells = [
        f"`{row['name']}`",
        ENGINES[row["engine"]],
        f"{1e3 * row['ours']:.2f}",
        f"{1e3 * row['median']:.2f}",
        f"{1e3 * min(row['seconds']):.2f}–{1e3 * max(row['seconds']):.2f}",
        str(len(row["seconds"])),
        f"**{row['ratio']:.2f}**",
        f"{best(results, row):.2f}",
        f"{row['difference']:.0e}",
    ]
    return "| " + " | ".join(cells) + " |"


def chart(results, file):
    """Bars of seconds per part and engine, thin lines from the fastest run to the slowest."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    # A part that took turns twice is shown once per engine.
    rows = {(row["name"], row["engine"]): row for row in results["rows"] if not is_op(row)}
    names = [name for name in TITLES if any(name == part for part, _ in rows) and name not in ("generate", "vae2048")]
    if not names:
        return
    figure, axes = pyplot.subplots(len(names), 1, figsize=(8, 1.1 + 1.5 * len(names)), squeeze=False)
    for axis, name in zip(axes[:, 0], names):
        shown = [row for (part, _), row in rows.items() if part == name]
        shown.sort(key=lambda row: row["median"], reverse=True)
        medians = [row["median"] for row in shown]
        lows = [row["median"] - min(row["seconds"]) for row in shown]
        highs = [max(row["seconds"]) - row["median"] for row in shown]
        colours = ["#c2410c" if row["engine"].startswith("fpga") else "#94a3b8" for row in shown]
        axis.barh([ENGINES[row["engine"]] for row in shown], medians, xerr=[lows, highs], color=colours)
        axis.set_title(TITLES[name], loc="left", fontsize=10)
        axis.set_xlabel("seconds")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    # Tables and chart anew from `results.json` in the folder that is named.
    import json
    import sys
    from pathlib import Path

    folder = Path(sys.argv[1])
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.md").write_text(table(results))
    chart(results, folder / "results.png")
