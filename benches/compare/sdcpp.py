"""stable-diffusion.cpp, for those who have its binary: seconds of one step with guidance, 512×512."""
import subprocess
import tempfile
import time
from pathlib import Path

STEPS = [1, 3]


def measure(binary, model, threads):
    """Whole jobs of one and of three steps: their difference is two steps and nothing else."""
    seconds = [job(binary, model, threads, steps) for steps in STEPS]
    per_step = (seconds[1] - seconds[0]) / (STEPS[1] - STEPS[0])
    return {"seconds_per_step": per_step, "job_seconds": dict(zip(STEPS, seconds))}


def job(binary, model, threads, steps):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "-m", model, "-p", "two friends", "--steps", steps, "-W", 512, "-H", 512]
        command += ["--cfg-scale", 7, "-s", 0, "-t", threads, "-o", Path(folder) / "out.png"]
        start = time.perf_counter()
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start
