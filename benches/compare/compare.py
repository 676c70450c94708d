#!/usr/bin/env python3
"""Compares this library with its peers on one machine: same weights, same inputs, same threads.

    compare.py [--venv FOLDER] [--model FOLDER] [--work FOLDER] [--out FOLDER] [--only PLAN,...]
               [--keep] [--pairs 5] [--threads N] [--minutes 60] [--sdcpp BINARY --sdcpp-model FILE]

Makes what is missing: an environment with the peers, a model with random weights, its ONNX files.
Engines take turns run by run, so that whatever else the machine does hits all of them. After every
part results.json, results.md and results.png in the output folder are written anew; at the end, unless the
output goes elsewhere, so are the tables of the README one folder up.
"""
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# Most important first: time may run out. Engines of one plan that take turns together must fit memory
# together, which is why the UNet comes twice.
PLANS = {
    "unet_torch": ("unet", ["fpga", "torch"]),
    "unet_onnx": ("unet", ["fpga", "onnxruntime", "openvino"]),
    "vae": ("vae", ["fpga", "torch", "onnxruntime", "openvino"]),
    "ops": ("ops", ["fpga", "torch", "torch_nchw", "fpga_avx512", "fpga_avx2"]),
    "control": ("control", ["fpga", "fpga_plain", "torch"]),
    "text": ("text", ["fpga", "torch"]),
    "vision": ("vision", ["fpga", "torch"]),
    "train": ("train", ["fpga", "torch", "torch_nchw"]),
    "generate": ("generate", ["fpga", "fpga_f16"]),
    "vae2048": ("vae2048", ["fpga"]),
    "unet_own": ("unet", ["fpga", "fpga_f16", "fpga_avx512", "fpga_avx2"]),
    "unet_bf16": ("unet", ["fpga", "openvino_bf16"]),
}
# Run once: they are there for their memory.
ONCE = ["generate", "vae2048"]
# Runs of one step, so short that more of them cost nothing.
SHORT = {"text": 20, "train": 20}
# Engines that differ from others only on processors with one of these.
NEEDS = {"fpga_avx512": ["amx_bf16"], "fpga_avx2": ["avx512f"], "openvino_bf16": ["amx_bf16", "avx512_bf16"]}
# Instruction sets that an engine is told to use.
KERNELS = {"fpga_avx512": "avx512", "fpga_avx2": "avx2"}
# Engines that run something else than the plan's part, or with other weights.
OTHER_PARTS = {"fpga_plain": "unet"}
INCOMPARABLE = ["train"]
OPS = [
    "linear:4096,4096,4096",
    "linear:4096,320,2560",
    "linear:4096,1280,1280",
    "linear:512,1280,10240",
    "attention:2,4096,4096,8,40",
    "attention:2,1024,1024,8,80",
    "attention:2,256,256,8,160",
    "attention:2,4096,77,8,40",
    "attention:1,4096,4096,1,512",
    "group_norm_silu:2,320,64,64",
    "gated_linear:8192,320,1280",
    "geglu:2,4096,2560",
    "conv:2,320,64,64,320,3,1",
    "conv:2,640,32,32,640,3,1",
    "conv:2,1280,16,16,1280,3,1",
    "conv:2,1280,8,8,1280,3,1",
    "conv:1,128,256,256,128,3,1",
    "conv:2,320,64,64,320,3,2",
    "conv:2,320,64,64,4,3,1",
    "conv:2,320,64,64,320,1,1",
]
# Seconds that one operation may take up beyond its least number of pairs, and the most pairs.
OP_SECONDS, OP_PAIRS = 3.0, 20


def main():
    arguments = parse()
    from environment import enter

    enter(arguments.venv)
    prepare(arguments)
    from record import Record

    record = Record(arguments.out, arguments.threads, arguments.keep)
    deadline = time.monotonic() + 60 * arguments.minutes
    for plan in arguments.only.split(",") if arguments.only else PLANS:
        part, engines = PLANS[plan]
        engines = [engine for engine in engines if record.has(NEEDS.get(engine))]
        if engines == ["fpga"] and len(PLANS[plan][1]) > 1:
            continue
        print(f"{plan}: {', '.join(engines)}", flush=True)
        if time.monotonic() > deadline:
            print("  left out: no time left", flush=True)
            continue
        take_turns(arguments, record, plan, part, engines, deadline)
    for part in [] if arguments.only else ["unet", "vae"]:
        print(f"profile: {part}", flush=True)
        record.add_profile(part, arguments.measure)
    if arguments.sdcpp:
        from sdcpp import measure

        record.add_sdcpp(measure(arguments.sdcpp, arguments.sdcpp_model, arguments.threads))
    record.finish()
    if arguments.out == HERE / "results":
        record.write_readme(HERE.parent / "README.md")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = ROOT / "target" / "compare"
    parser.add_argument("--venv", type=Path, default=work / "venv")
    parser.add_argument("--model", type=Path, default=work / "sd15")
    parser.add_argument("--work", type=Path, default=work, help="for ONNX files, inputs and outputs")
    parser.add_argument("--measure", type=Path, help="the built binary, otherwise cargo builds it")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--only", help=f"some of {', '.join(PLANS)}")
    parser.add_argument("--keep", action="store_true", help="add to the results that are there")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sdcpp", type=Path, help="binary of stable-diffusion.cpp")
    parser.add_argument("--sdcpp-model", type=Path, help="single-file checkpoint for it")
    return parser.parse_args()


def prepare(arguments):
    import export_onnx
    import inputs
    import make_model

    make_model.make(arguments.model)
    export_onnx.export(arguments.model, arguments.work / "onnx")
    inputs.write(arguments.work / "inputs")
    if arguments.measure is None:
        build = ["cargo", "build", "--release", "-p", "fpga-benches", "--features", "train", "--bin", "measure"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        arguments.measure = target / "release" / "measure"


def start(arguments, engine, part):
    """The engine with the part loaded."""
    from worker import Worker

    part = OTHER_PARTS.get(engine, part)
    if engine.startswith("fpga"):
        command = [arguments.measure, part]
        command += [arguments.model] if part not in ("ops", "train") else []
        command += ["--f16"] if engine == "fpga_f16" else []
        environment = {"FPGA_KERNELS": KERNELS[engine]} if engine in KERNELS else None
        return Worker(engine, command, arguments.threads, environment)
    command = [sys.executable, HERE / "peers.py", engine, part, "--model", arguments.model]
    command += ["--onnx", arguments.work / "onnx", "--inputs", arguments.work / "inputs"]
    return Worker(engine, [*command, "--threads", arguments.threads], arguments.threads)


def take_turns(arguments, record, plan, part, engines, deadline):
    """All engines on one part, run by run."""
    pairs = SHORT.get(part, arguments.pairs)
    if part in ONCE:
        # One after the other: together they would not fit memory.
        for engine in engines:
            run_once(arguments, record, plan, part, engine)
        return
    workers = [start(arguments, engine, part) for engine in engines]
    outputs = {engine: arguments.work / f"output.{engine}.f32" for engine in engines}
    try:
        for name in OPS if part == "ops" else [part]:
            for worker in workers:
                worker.run(name, save=outputs[worker.name])
            differences = {engine: difference(outputs, engine, part) for engine in engines}
            seconds = {engine: [] for engine in engines}
            begun = time.monotonic()
            for pair in range(OP_PAIRS if part == "ops" else pairs):
                late = time.monotonic() - begun > OP_SECONDS if part == "ops" else time.monotonic() > deadline
                if late and pair >= min(pairs, 5 if part == "ops" else 1):
                    break
                for worker in workers:
                    seconds[worker.name].append(worker.run(name))
            record.add(plan, name, workers, seconds, differences)
    finally:
        for worker in workers:
            worker.close()
        for file in outputs.values():
            file.unlink(missing_ok=True)


def run_once(arguments, record, plan, part, engine):
    """A single run, for its memory."""
    with start(arguments, engine, part) as worker:
        record.add(plan, part, [worker], {engine: [worker.run(part)]}, {})


def difference(outputs, engine, part):
    """Relative L2 distance of the engine's result to ours; `None` where it is not the same work."""
    import numpy

    if engine in OTHER_PARTS or part in INCOMPARABLE:
        return None
    ours, theirs = (numpy.fromfile(outputs[name], dtype="<f4").astype("f8") for name in ("fpga", engine))
    if ours.shape != theirs.shape:
        raise RuntimeError(f"results of {ours.size} and {theirs.size} values")
    return float(numpy.linalg.norm(ours - theirs) / numpy.linalg.norm(theirs))


if __name__ == "__main__":
    main()
