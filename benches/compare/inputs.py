"""Inputs of UNet and VAE decoder as files, for the engines that run without PyTorch."""
from pathlib import Path

import numpy
import torch


def write(folder):
    """`FOLDER/PART/NAME.npy`, the same values that `measure` and `peer_torch.py` draw."""

    def save(part, **arrays):
        (Path(folder) / part).mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            numpy.save(Path(folder) / part / f"{name}.npy", numpy.asarray(array, dtype=numpy.float32))

    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 64, 64, generator=generator)
    context = torch.randn(2, 77, 768, generator=generator)
    save("unet", latents=latents, context=context, timesteps=torch.full((2,), 501.0))
    generator = torch.Generator().manual_seed(0)
    save("vae", latents=torch.randn(1, 4, 64, 64, generator=generator))
