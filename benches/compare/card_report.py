#!/usr/bin/env python3
"""Lines of `card` and `peer_card.py`, one file per size, as Markdown tables: card_report.py FILE..."""
import json
import sys
from pathlib import Path

WORKS = {
    "unet": "UNet step, two rows",
    "unet_merged": "UNet step with a merged RepControlNet",
    "unet_controlnet": "UNet + ControlNet step",
    "txt2img": "prompt to picture",
    "two_people": "two people",
    "restore_two": "two faces restored",
}


def milliseconds(line, key="median"):
    return f"{1e3 * line[key]:.1f}" if line and line.get(key) else "–"


def gigabytes(line):
    return f"{line['reserved'] / 1e9:.2f}" if line and line.get("reserved") else "–"


def table(name, lines):
    """One size at one side and precision."""
    ours, theirs = ({line["work"]: line for line in lines if line["engine"] == engine} for engine in ("fpga", "torch"))
    some = lines[0]
    yield f"### {name}: {some['side']}×{some['side']}, {some['precision']}, jobs of {some['steps']} steps\n"
    yield "| work | ms | fastest | first | PyTorch ms | ratio | GB | PyTorch GB | of the matrix peak |"
    yield "|---|---|---|---|---|---|---|---|---|"
    peaks = [line["best"] for line in (ours.get("matmul"), theirs.get("matmul")) if line]
    product = theirs.get("matmul", {}).get("operations")
    peak = product / min(peaks) if product and peaks else None
    for work, words in WORKS.items():
        line, peer = ours.get(work), theirs.get(work)
        # A merged condition does what the peer needs a ControlNet for.
        other = theirs.get("unet_controlnet") if work == "unet_merged" else peer
        ratio = f"{line['median'] / other['median']:.2f}" if line and other else "–"
        operations = theirs.get("unet", {}).get("operations") if work in ("unet", "unet_merged") else None
        share = f"{100 * operations / line['median'] / peak:.0f} %" if line and operations and peak else "–"
        cells = [milliseconds(line), milliseconds(line, "best"), milliseconds(line, "first"), milliseconds(other)]
        yield f"| {words} | {' | '.join(cells)} | {ratio} | {gigabytes(line)} | {gigabytes(other)} | {share} |"
    if peak:
        yield f"\nFastest measured matrix product of either engine: {peak / 1e12:.2f} TFLOP/s; that is the peak above."
    yield ""


def main():
    for file in map(Path, sys.argv[1:]):
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]
        if not lines:
            print(f"### {file.stem}: no result\n")
            continue
        print("\n".join(table(file.stem, lines)))


if __name__ == "__main__":
    main()
