"""The table and the chart of a comparison."""
import statistics

TITLES = {
    "unet": "UNet step, [2, 4, 64, 64], f32",
    "control": "UNet + ControlNet step, [2, 4, 64, 64]",
    "vae": "VAE decode, 512×512",
    "text": "CLIP-L text, [2, 77]",
    "vision": "CLIP ViT-H/14, one picture",
    "generate": "prompt to picture, 512×512, 2 steps",
    "vae2048": "VAE decode, 2048×2048 in tiles",
    "train": "training step, UNet of 2.5 M parameters, [16, 4, 16, 16]",
}
ENGINES = {
    "fpga": "this library",
    "fpga_f16": "this library, weights in f16",
    "fpga_avx512": "this library, AVX-512 kernels",
    "fpga_avx2": "this library, AVX2 kernels",
    "fpga_plain": "this library, UNet alone",
    "torch": "PyTorch channels_last",
    "torch_nchw": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO f32",
    "openvino_bf16": "OpenVINO bf16",
}

# Where the tables stand in the README.
BEGIN, END = "<!-- measured: compare.py writes from here -->", "<!-- measured: to here -->"
# What is asked of the ratio of medians: plan, our engine, peers, the most it may be, what it aims at.
GOALS = [
    ("unet_torch", "fpga", ["torch"], 0.67, 0.50),
    ("unet_onnx", "fpga", ["onnxruntime", "openvino"], 0.67, 0.50),
    ("control", "fpga", ["torch"], 0.67, 0.50),
    ("control", "fpga_plain", ["torch"], 0.50, 0.36),
    ("vae", "fpga", ["torch", "onnxruntime", "openvino"], 0.50, 0.35),
    ("text", "fpga", ["torch"], 1.0, 0.9),
    ("vision", "fpga", ["torch"], 1.0, 0.9),
    ("train", "fpga", ["torch", "torch_nchw"], 1.5, 1.0),
]
OP_GOALS = {
    "attention:2,4096,4096,8,40": (0.90, 0.60),
    "attention:2,1024,1024,8,80": (0.90, 0.60),
    "group_norm_silu:2,320,64,64": (0.8, 0.5),
    "geglu:2,4096,2560": (0.8, 0.5),
    "linear:4096,320,2560": (1.1, 1.0),
    "linear:4096,1280,1280": (1.1, 1.0),
}


def is_op(row):
    return ":" in row["name"]


def about(results):
    """Machine, versions and time in three paragraphs."""
    machine = results["machine"]
    return [
        f"Machine: {machine['processor']}, {machine['cores']} cores ({', '.join(machine['instructions'])}),"
        f" {machine['memory_gb']} GB, {machine['system']}. {results['threads']} threads.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in results["versions"].items()) + ".",
        "",
        f"{results['started']}, load average before the start {results['load_before']:.2f}."
        " Ratio: median of this library over median of the engine, both from the same rounds;"
        " best: the same of the fastest runs.",
    ]


def summary(results):
    """The README's tables, Markdown."""
    rows = {(row["plan"], row["name"], row["engine"]): row for row in results["rows"]}
    lines = [*about(results), "", "| work | peer | ratio | best | at most | aim |", "|---|---|---|---|---|---|"]
    for plan, engine, peers, most, aim in GOALS:
        for (own_plan, name, own), row in rows.items():
            if (own_plan, own) != (plan, engine):
                continue
            title = TITLES[name] if engine == "fpga" else f"UNet alone (a merged condition costs as much), to {TITLES[name]}"
            for peer in peers:
                if (plan, name, peer) in rows:
                    cells = compared(row, rows[plan, name, peer])
                    lines.append(f"| {title} | {ENGINES[peer]} | {cells} | {most:.2f} | {aim:.2f} |")
    lines += ["", "Single operations beside PyTorch, the faster of its two layouts:", ""]
    lines += ["| operation | ours ms | PyTorch ms | ratio | best | at most | aim |", "|---|---|---|---|---|---|---|"]
    for (_, name, engine), row in rows.items():
        if is_op(row) and engine == "fpga":
            peers = [rows["ops", name, peer] for peer in ("torch", "torch_nchw")]
            peer = min(peers, key=lambda peer: peer["median"])
            goal = " | ".join(f"{value:.2f}" for value in OP_GOALS.get(name, ())) or " | "
            times = f"{1e3 * row['median']:.2f} | {1e3 * peer['median']:.2f}"
            lines.append(f"| `{name}` | {times} | {compared(row, peer)} | {goal} |")
    lines += ["", "### Memory", "", "Peak resident memory, everything of the process included; mapped files too.", ""]
    lines += ["| job | engine | loaded GB | peak GB |", "|---|---|---|---|"]
    shown = {(row["name"], row["engine"]): row for row in rows.values() if not is_op(row) and row["name"] != "train"}
    for (name, engine), row in shown.items():
        memory = f"{row['memory_loaded'] / 1e9:.2f} | {row['memory_peak'] / 1e9:.2f}"
        lines.append(f"| {TITLES[name]} | {ENGINES[engine]} | {memory} |")
    for part, text in results.get("profiles", {}).items():
        lines += ["", f"### Where the time goes: {TITLES[part]}", "", text.rstrip()]
    return "\n".join(lines) + "\n"


def compared(ours, theirs):
    """Ratio of medians and of fastest runs, as two cells."""
    return f"**{ours['median'] / theirs['median']:.2f}** | {min(ours['seconds']) / min(theirs['seconds']):.2f}"


def table(results):
    """Markdown."""
    lines = about(results)
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
    own = (row["plan"], row["name"], "fpga")
    ours = next(other for other in results["rows"] if (other["plan"], other["name"], other["engine"]) == own)
    return min(ours["seconds"]) / min(row["seconds"])


def part_line(results, row):
    ours = row["engine"] == "fpga"
    cells = [
        ENGINES[row["engine"]],
        f"{row['median']:.3g}",
        f"{min(row['seconds']):.3g}–{max(row['seconds']):.3g}",
        str(len(row["seconds"])),
        "" if ours or not row["ratio"] else f"**{row['ratio']:.2f}**",
        "" if ours or not row["ratio"] else f"{best(results, row):.2f}",
        f"{row['memory_peak'] / 1e9:.2f}",
        f"{row['load_seconds']:.1f}",
        f"{row['first_result_seconds']:.1f}",
        "" if ours or row["difference"] is None else f"{row['difference']:.0e}",
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

    # An engine that took turns in several plans is shown once, with all of its runs.
    rows = {}
    for row in results["rows"]:
        if not is_op(row):
            rows.setdefault((row["name"], row["engine"]), []).extend(row["seconds"])
    names = [name for name in TITLES if any(name == part for part, _ in rows) and name not in ("generate", "vae2048", "train")]
    if not names:
        return
    parts = [{engine: runs for (part, engine), runs in rows.items() if part == name} for name in names]
    heights = [1 + 0.3 * len(shown) for shown in parts]
    figure, axes = pyplot.subplots(
        len(names), 1, figsize=(8, sum(heights)), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for axis, name, shown in zip(axes[:, 0], names, parts):
        engines = sorted(shown, key=lambda engine: statistics.median(shown[engine]), reverse=True)
        medians = [statistics.median(shown[engine]) for engine in engines]
        lows = [median - min(shown[engine]) for engine, median in zip(engines, medians)]
        highs = [max(shown[engine]) - median for engine, median in zip(engines, medians)]
        colours = ["#c2410c" if engine.startswith("fpga") else "#94a3b8" for engine in engines]
        axis.barh([ENGINES[engine] for engine in engines], medians, xerr=[lows, highs], color=colours)
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
