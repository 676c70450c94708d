#!/usr/bin/env python3
"""Runs a part of the model in another engine, line by line.

    peers.py ENGINE PART --model FOLDER --onnx FOLDER --inputs FOLDER --threads N

ENGINE: torch (channels_last), torch_nchw, onnxruntime, openvino, openvino_bf16
PART:   unet, vae; in torch also control, text, vision, ops

The protocol is that of `measure`: `ready` once loaded, then for every line `NAME [FILE]` the seconds
of one run, whose result goes to FILE (f32, little-endian, in the order of the dimensions).
"""
import argparse
import sys
import time
from pathlib import Path

import numpy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("part")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--onnx", type=Path)
    parser.add_argument("--inputs", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.engine.startswith("torch"):
        from peer_torch import load
    elif arguments.engine.startswith("openvino"):
        load = load_openvino
    else:
        load = load_onnxruntime
    run = load(arguments)

    print("ready", flush=True)
    for line in sys.stdin:
        name, _, file = line.strip().partition(" ")
        start = time.perf_counter()
        output = run(name)
        seconds = time.perf_counter() - start
        if file:
            numpy.ascontiguousarray(output, dtype="<f4").tofile(file)
        print(seconds, flush=True)


def inputs(arguments):
    """The arrays of this part, as `inputs.py` wrote them."""
    files = (arguments.inputs / arguments.part).glob("*.npy")
    return {file.stem: numpy.load(file) for file in files}


def load_onnxruntime(arguments):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    file = arguments.onnx / arguments.part / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = inputs(arguments)
    return lambda _: session.run(None, feed)[0]


def load_openvino(arguments):
    import openvino

    file = arguments.onnx / arguments.part / "model.onnx"
    # Where the processor has bf16 matrix units OpenVINO uses them unless it is told not to.
    precision = "bf16" if arguments.engine == "openvino_bf16" else "f32"
    settings = {
        "INFERENCE_NUM_THREADS": arguments.threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.Core().compile_model(str(file), "CPU", settings)
    request = model.create_infer_request()
    feed = inputs(arguments)
    return lambda _: next(iter(request.infer(feed, share_inputs=True, share_outputs=True).values()))


if __name__ == "__main__":
    main()
