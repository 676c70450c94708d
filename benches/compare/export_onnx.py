#!/usr/bin/env python3
"""Exports UNet and VAE decoder to ONNX, for the peers that read it.

    export_onnx.py MODEL_FOLDER ONNX_FOLDER [unet|vae ...]

f32, fixed shapes, the weights of one part in one file beside its graph.
"""
import sys
from pathlib import Path

import torch


class UNet(torch.nn.Module):
    """The network alone, a tensor out."""

    def __init__(self, folder):
        super().__init__()
        from diffusers import UNet2DConditionModel

        self.network = UNet2DConditionModel.from_pretrained(folder / "unet").eval()

    def forward(self, latents, timesteps, context):
        return self.network(latents, timesteps, context, return_dict=False)[0]

    def inputs(self):
        return {
            "latents": torch.randn(2, 4, 64, 64),
            "timesteps": torch.full((2,), 501.0),
            "context": torch.randn(2, 77, 768),
        }


class VaeDecoder(torch.nn.Module):
    """Latents to picture."""

    def __init__(self, folder):
        super().__init__()
        from diffusers import AutoencoderKL

        self.network = AutoencoderKL.from_pretrained(folder / "vae").eval()

    def forward(self, latents):
        return self.network.decode(latents, return_dict=False)[0]

    def inputs(self):
        return {"latents": torch.randn(1, 4, 64, 64)}


PARTS = {"unet": UNet, "vae": VaeDecoder}


def export(model, target, parts=tuple(PARTS)):
    """Writes `target/PART/model.onnx` for every part that is not there."""
    for part in parts:
        file = Path(target) / part / "model.onnx"
        if file.exists():
            continue
        print(f"writing {file}", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        network = PARTS[part](Path(model)).eval()
        inputs = network.inputs()
        with torch.no_grad():
            torch.onnx.export(
                network,
                tuple(inputs.values()),
                str(file),
                input_names=list(inputs),
                output_names=["output"],
                opset_version=18,
                dynamo=True,
                external_data=True,
            )


if __name__ == "__main__":
    export(*sys.argv[1:3], *([sys.argv[3:]] if sys.argv[3:] else []))
