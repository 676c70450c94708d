"""A process that answers every line with the seconds of one run."""
import os
import subprocess
import time

# Peers' threads spin for a while after a run; let them come to rest before the next one starts.
REST = 0.5


class Worker:
    """One engine with one part loaded."""

    def __init__(self, name, command, threads, environment=None):
        self.name = name
        self.started = time.perf_counter()
        count = str(threads)
        threads = {"RAYON_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads | (environment or {}),
        )
        self.answer("ready")
        self.load_seconds = time.perf_counter() - self.started
        self.memory_loaded = self.memory("VmRSS")
        self.first_result_seconds = None

    def answer(self, expected):
        line = self.process.stdout.readline()
        if not line.startswith(expected):
            raise RuntimeError(f"{self.name}: expected {expected!r}, found {line!r}")
        return line.strip()

    def run(self, name="run", save=None):
        """Seconds of one run, whose result goes to the file `save`."""
        time.sleep(REST)
        self.process.stdin.write(f"{name} {save}\n" if save else f"{name}\n")
        self.process.stdin.flush()
        seconds = float(self.answer(""))
        if self.first_result_seconds is None:
            self.first_result_seconds = time.perf_counter() - self.started
        return seconds

    def memory(self, key="VmHWM"):
        """Bytes by the name that /proc gives them: `VmHWM` is the peak, `VmRSS` the present."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return 1024 * int(line.split()[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
