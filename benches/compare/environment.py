"""The virtual environment that the peers run in."""
import os
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = ["torch", "diffusers", "transformers", "onnx", "onnxscript", "onnxruntime", "openvino", "matplotlib"]
# PyTorch's own index has builds without CUDA, a tenth of the size.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def prepare(folder):
    """The Python of the environment in `folder`, made and filled if it is not there."""
    python = Path(folder) / "bin" / "python"
    if python.exists():
        return python
    print(f"making {folder}", flush=True)
    venv.create(folder, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet"]
    if subprocess.run([*install, "--index-url", TORCH_INDEX, "torch"]).returncode != 0:
        print("no build without CUDA to be had; the usual one then", flush=True)
    subprocess.run([*install, *PACKAGES], check=True)
    return python


def enter(folder):
    """Goes on inside the environment: replaces this process unless it runs there already."""
    python = prepare(folder)
    if Path(sys.prefix).resolve() != Path(folder).resolve():
        os.execv(python, [str(python), *sys.argv])


def versions():
    """What is installed, by package."""
    from importlib.metadata import version

    return {package: version(package) for package in PACKAGES}
