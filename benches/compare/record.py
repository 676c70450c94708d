"""Collects what was measured and writes it after every part: JSON, a table, a chart."""
import json
import os
import platform
import statistics
import time
from pathlib import Path

import report
from environment import versions


class Record:
    """Everything of one call of `compare.py`."""

    def __init__(self, folder, threads, keep=False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results = {
            "machine": machine(),
            "versions": versions(),
            "threads": threads,
            "started": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "load_before": os.getloadavg()[0],
            "rows": [],
        }
        if keep:
            before = json.loads((self.folder / "results.json").read_text())
            self.results |= {key: before[key] for key in ("rows", "profiles", "started") if key in before}

    def has(self, instructions):
        """Whether the processor has one of these instructions; nothing asked is always there."""
        own = self.results["machine"]["instructions"]
        return instructions is None or any(name in own for name in instructions)

    def add(self, plan, name, workers, seconds, differences):
        """One row per engine that took turns on `name`."""
        ours = statistics.median(seconds["fpga"]) if "fpga" in seconds else None
        new = [(plan, name, worker.name) for worker in workers]
        others = [row for row in self.results["rows"] if (row["plan"], row["name"], row["engine"]) not in new]
        self.results["rows"] = others
        for worker in workers:
            runs = seconds[worker.name]
            row = {
                "plan": plan,
                "name": name,
                "engine": worker.name,
                "at": time.strftime("%H:%M UTC", time.gmtime()),
                "load_average": os.getloadavg()[0],
                "seconds": runs,
                "median": statistics.median(runs),
                "ours": ours,
                "ratio": ours and ours / statistics.median(runs),
                "difference": differences.get(worker.name),
                "load_seconds": worker.load_seconds,
                "first_result_seconds": worker.first_result_seconds,
                "memory_loaded": worker.memory_loaded,
                "memory_peak": worker.memory(),
            }
            self.results["rows"].append(row)
            print(
                f"  {name} {worker.name}: {row['median']:.4g} s, ratio {row['ratio'] or 0:.2f},"
                f" peak {row['memory_peak'] / 1e9:.2f} GB, difference {row['difference'] or 0:.1e}",
                flush=True,
            )
        self.write()

    def add_profile(self, part, measure):
        """Where the time of one run of `part` goes."""
        import kernel_profile

        sgemm = [row for row in self.results["rows"] if row["name"] == kernel_profile.PEAK]
        best = min((min(row["seconds"]) for row in sgemm), default=None)
        text = kernel_profile.profile(part, measure, self.results["threads"], best)
        self.results.setdefault("profiles", {})[part] = text
        self.write()

    def add_sdcpp(self, result):
        """What `sdcpp.measure` found; it cannot take turns."""
        self.results["stable_diffusion_cpp"] = result
        self.write()

    def finish(self):
        self.results["finished"] = time.strftime("%H:%M UTC", time.gmtime())
        self.write()

    def write_readme(self, file):
        """Puts the tables between the two marks of the README."""
        before, _, rest = file.read_text().partition(report.BEGIN)
        _, _, after = rest.partition(report.END)
        file.write_text(before + report.BEGIN + "\n\n" + report.summary(self.results) + "\n" + report.END + after)

    def write(self):
        text = json.dumps(self.results, indent=1)
        (self.folder / "results.json").write_text(text + "\n")
        (self.folder / "results.md").write_text(report.table(self.results))
        report.chart(self.results, self.folder / "results.png")


def machine():
    """Processor, cores, memory and system in words."""
    with open("/proc/cpuinfo") as info:
        fields = dict(line.split(":", 1) for line in info if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    wanted = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": fields.get("model name", platform.processor()),
        "instructions": [flag for flag in wanted if flag in flags],
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "system": platform.platform(),
    }
