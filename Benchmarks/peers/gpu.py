"""A dense training step in PyTorch on a GPU, and FireTree's on the CPUs beside it.

    make bench-gpu                              (takes torch and numpy as they are installed; installs nothing)
    python gpu.py --device cpu --smoke          a look at the program without a GPU
    python gpu.py --from FOLDER                 FireTree's steps here beside what was measured elsewhere

The step is that of the other comparisons, with Nesterov momentum 0.9: gpunetwork.py has it. Its activations are
computed twice where they do not fit in the memory, and the row says so. A row is the median of synchronised steps after
three that warm up; what "products" says counts the 4 n m d operations of a step's two products.

Then whole trainings to 99% of the training points: points to the device, initial weights, steps, weights into a file.
Their number of steps is found before, which also loads what PyTorch loads late. The learning rate, 1 / (largest
eigenvalue of the tangent kernel), is given; where the accuracy is not reached with it, a half or a quarter of it is.

Points are the bundled digits, or random ones where the files are not there. The folder gets raw.json and table.md, anew
with every row; a row that fails is a line with the reason. Without the device the exit code is 1.
"""

import time

STARTED = time.perf_counter()

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import blas
from compare import several
from firetree import IMAGES, LABELS, Data
from report import duration, memory, new_folder, progress, table

try:
    import numpy as np
    import torch

    from gpunetwork import MOMENTUM, Network
    from readers import read
except ImportError as error:
    sys.exit(f"gpu.py: {error}")

IMPORT_SECONDS = time.perf_counter() - STARTED
ROOT = Path(__file__).resolve().parents[2]
INPUTS, OUTPUTS = 784, 10
WARM_UP, LEAST_STEPS, MOST_STEPS = 3, 3, 50
LIMIT = 500
"""Steps after which an accuracy is given up."""
PRECISIONS = ["float32", "tf32", "bf16"]
SIZES = {"shapes": "1000x100000,1000x1000000,8000x20000,8000x100000,8000x1000000", "whole": "1000x100000", "seconds": 3}
SMOKE = {"shapes": "100x1000,200x500", "whole": "100x1000", "seconds": 0.2}
HEADER = ["n", "m", "program", "remarks", "step", "range", "steps", "products", "memory"]


class Device:
    """What is measured on the device, on points of the options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.name, self.options = options.device, options

    def steps(self, shape: tuple[int, int], precision: str, rate: float | None, seconds: float) -> dict:
        """Times of steps; also the rate, if none is given."""
        x, y, data = points(self.options, shape[0])
        network = self._network(x, y, shape[1], precision)
        rate = rate or 1 / network.largest_eigenvalue()
        times: list[float] = []
        losses: list[float] = []
        while len(times) < WARM_UP + LEAST_STEPS or (
            len(times) < WARM_UP + MOST_STEPS and sum(times[WARM_UP:]) < seconds
        ):
            self._wait()
            start = time.perf_counter()
            f = network.step(rate)
            self._wait()
            times.append(time.perf_counter() - start)
            losses.append(0.5 * float((f - network.y).square().sum()))
        timed, peak = times[WARM_UP:], torch.cuda.max_memory_allocated() if self.name == "cuda" else None
        return {
            "step_seconds": timed, "median": statistics.median(timed), "warm_up_seconds": times[:WARM_UP], "data": data,
            "losses": losses, "rate": rate, "flops": 4 * shape[0] * shape[1] * INPUTS, "peak_bytes": peak,
            "remark": "" if network.kept else "activations computed twice"}

    def whole(self, shape: tuple[int, int], precision: str, rate: float) -> dict:
        """A training to the accuracy, phase by phase."""
        steps, rate = self._steps_to_accuracy(shape, precision, rate)
        x, y, data = points(self.options, shape[0])
        self.release()
        phases: dict[str, float] = {}
        mark = time.perf_counter()

        def finish(name: str) -> None:
            nonlocal mark
            self._wait()
            phases[name], mark = time.perf_counter() - mark, time.perf_counter()

        network = self._network(x, y, shape[1], precision)
        finish("points and weights")
        for _ in range(steps):
            network.step(rate)
        finish("steps")
        with tempfile.TemporaryFile() as file:
            np.save(file, network.w.cpu().numpy())
            file.flush()
            finish("weights to a file")
        return {
            "seconds": sum(phases.values()), "phases": phases, "steps": steps, "rate": rate, "data": data,
            "accuracy": _accuracy(network.outputs(), network.y)}

    def release(self) -> None:
        """Gives memory back."""
        if self.name == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _steps_to_accuracy(self, shape: tuple[int, int], precision: str, rate: float) -> tuple[int, float]:
        x, y, _ = points(self.options, shape[0])
        for share in (1, 0.5, 0.25):
            network, reached = self._network(x, y, shape[1], precision), 0.0
            for step in range(LIMIT + 1):
                f = network.step(share * rate)
                reached = _accuracy(f, network.y)
                if reached >= self.options.accuracy:
                    return step, share * rate
                if not math.isfinite(float(f.sum())):
                    break
        raise RuntimeError(f"an accuracy of {reached:.2%} at last")

    def _network(self, x: np.ndarray, y: np.ndarray, neurons: int, precision: str) -> Network:
        """With all activations in memory, if a tenth of it stays free."""
        needed = Network.memory(*x.shape, neurons, precision)
        kept = self.name != "cuda" or needed < 0.9 * torch.cuda.mem_get_info()[0]
        try:
            return Network(x, y, neurons, precision, self.name, kept)
        except torch.cuda.OutOfMemoryError:
            if not kept:
                raise
        # What the failed one held is given back here, not while its error is handled.
        self.release()
        return Network(x, y, neurons, precision, self.name, False)

    def _wait(self) -> None:
        if self.name == "cuda":
            torch.cuda.synchronize()


def _accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return float((outputs.argmax(1) == targets.argmax(1)).float().mean())


def points(options: argparse.Namespace, count: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Points of norm 1 (n x d), what the outputs should be (n x C), and what they are."""
    x, labels, name = np.empty((0, INPUTS), np.float32), np.empty(0, int), "digits"
    if os.path.exists(options.images) and os.path.exists(options.labels):
        x, labels = read(Data(options.images, options.labels), count)
    if len(x) < count:
        generator, name = np.random.default_rng(0), "random points"
        labels = generator.integers(0, OUTPUTS, count)
        centres = generator.standard_normal((OUTPUTS, INPUTS), np.float32)
        x = centres[labels] + 2 * generator.standard_normal((count, INPUTS), np.float32)
    x = x - x.mean(0)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-20)
    return x.astype(np.float32), np.eye(OUTPUTS, dtype=np.float32)[labels], name


class Report:
    """raw.json and table.md, written anew with every row."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.content: dict = {
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "command": sys.argv[1:],
            "machine": machine(options.device), "rows": [], "whole": [], "firetree": []}
        self.content["measured_on"] = self.content["machine"]
        if options.source:
            old = json.loads((options.source / "raw.json").read_text())
            self.content |= {name: old[name] for name in ("rows", "whole", "measured_on")}

    def attempt(self, kind: str, shape: tuple[int, int], program: str, measure) -> dict:
        """Adds a row, whatever happens: a failure is a row with its reason."""
        row = {"points": shape[0], "neurons": shape[1], "program": program}
        try:
            row |= measure()
        except torch.cuda.OutOfMemoryError:
            row["failure"] = "memory ran out"
        except Exception as error:
            row["failure"] = f"{type(error).__name__}: {error}".splitlines()[0][:200].replace("|", "/")
        progress(f"{shape[0]}x{shape[1]}, {program}, {kind}: " + (
            row["failure"] if "failure" in row else duration(row.get("median", row.get("seconds")))))
        self.content[kind].append(row)
        self.write()
        return row

    def write(self) -> None:
        (self.folder / "raw.json").write_text(json.dumps(self.content, indent=1) + "\n")
        (self.folder / "table.md").write_text(self.page())

    def page(self) -> str:
        there, here = self.content["measured_on"], self.content["machine"]
        rows = sorted(
            [*self.content["rows"], *self.content["firetree"]], key=lambda row: (row["points"], row["neurons"]))
        return "\n\n".join([
            f"{self.content['date'][:10]}. PyTorch {there['torch']} on {there['device']}" + (
                f"; FireTree on {here['cores']} cores of {here['processor']}." if self.content["firetree"] else "."),
            table(HEADER, [_cells(row) for row in rows], texts=4),
            *(_sentence(row, there) for row in self.content["whole"])]) + "\n"


def _cells(row: dict) -> list[str]:
    head = [f"{row['points']:,}", f"{row['neurons']:,}", row["program"]]
    if "failure" in row:
        return [*head, row["failure"], "-", "-", "-", "-", "-"]
    times = row["step_seconds"]
    return [
        *head, row["remark"], duration(row["median"]), f"{duration(min(times))} to {duration(max(times))}",
        str(len(times)), f"{row['flops'] / row['median'] / 1e12:.3g} TFLOP/s" if "flops" in row else "-",
        memory(row["peak_bytes"]) if row["peak_bytes"] else "-"]


def _sentence(row: dict, there: dict) -> str:
    head = f"Whole training, n = {row['points']:,}, m = {row['neurons']:,}, {row['program']}: "
    if "failure" in row:
        return head + row["failure"] + "."
    phases = ", ".join(f"{name} {duration(seconds)}" for name, seconds in row["phases"].items())
    return (
        f"{head}{duration(row['seconds'])} ({phases}), {row['steps']} steps to {row['accuracy']:.2%} of {row['data']}; "
        f"before it {duration(there['import_seconds'])} to import PyTorch and {duration(there['start_seconds'])} to "
        "start the device.")


def machine(device: str) -> dict:
    """The device, and the machine that it is in."""
    start = time.perf_counter()
    facts: dict = {"device": "the CPU", "torch": torch.__version__, "numpy": np.__version__}
    if device == "cuda":
        torch.ones(1, device="cuda").add_(1)
        torch.cuda.synchronize()
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "device": properties.name, "memory_bytes": properties.total_memory, "cuda": torch.version.cuda,
            "driver, clock, power": _printed(
                "nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader")}
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return facts | {
        "start_seconds": time.perf_counter() - start, "import_seconds": IMPORT_SECONDS,
        "processor": models[0] if models else platform.processor(), "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version()}


def _printed(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def measure_device(options: argparse.Namespace, report: Report) -> None:
    """Steps of every shape and precision, then the whole trainings, until the time is over."""
    device = Device(options)
    rates: dict[tuple[int, int], float] = {}
    # The whole trainings are few seconds, and come before the largest shapes may have spent the time.
    for kind, shape, precision in [
        *(("rows", shape, precision) for shape in options.shapes[:1] for precision in options.precisions),
        *(("whole", options.whole, precision) for precision in options.precisions),
        *(("rows", shape, precision) for shape in options.shapes[1:] for precision in options.precisions),
    ]:
        def measure() -> dict:
            if time.perf_counter() - STARTED > options.limit:
                return {"failure": f"left out after {options.limit:g} s"}
            if kind == "rows":
                return device.steps(shape, precision, rates.get(shape), options.seconds)
            rate = rates.get(shape) or device.steps(shape, "float32", None, 0)["rate"]
            return device.whole(shape, precision, rate)

        row = report.attempt(kind, shape, f"PyTorch {precision}", measure)
        device.release()
        if "rate" in row and kind == "rows":
            rates[shape] = row["rate"]


def measure_firetree(options: argparse.Namespace, report: Report) -> None:
    """FireTree's steps at the same shapes on the CPUs of this machine."""
    if not os.access(options.firetree, os.X_OK):
        progress(f"there is no command {options.firetree}, so there are no steps of FireTree")
        return
    kernels = blas.choose("firetree", blas.library_of(options.firetree))
    report.content["machine"]["blas"] = kernels.facts()
    for shape in options.shapes:
        command = [
            options.firetree, "benchmark", options.images, "--labels", options.labels, "--points", str(shape[0]),
            "--neurons", str(shape[1]), "--engines", "auto", "--momentum", str(MOMENTUM), "--steps",
            str(options.firetree_steps), "--json"]
        report.attempt(
            "firetree", shape, "FireTree",
            lambda: _firetree(command, kernels.environment, options.firetree_seconds))


def _firetree(command: list[str], environment: dict[str, str], limit: float) -> dict:
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment)
    except subprocess.TimeoutExpired:
        return {"failure": f"not done after {limit:g} s"}
    if found.returncode != 0:
        return {"failure": (found.stderr.strip().splitlines() or [f"exit code {found.returncode}"])[-1]}
    line = json.loads(found.stdout.splitlines()[-1])
    seconds = line["step_seconds"]
    return {
        "step_seconds": seconds, "median": statistics.median(seconds), "losses": line["losses"],
        "rate": line["learning_rate"], "peak_bytes": line["peak_bytes"],
        "remark": f"engine {line['engine']}, {line['threads']} threads"}


def shape(text: str) -> tuple[int, int]:
    points, neurons = (int(part) for part in text.split("x"))
    return points, neurons


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="%(default)s")
    parser.add_argument("--shapes", help=f"points x neurons, comma-separated ({SIZES['shapes']})")
    parser.add_argument(
        "--precisions", type=several(PRECISIONS), default=PRECISIONS,
        help=f"comma-separated ({','.join(PRECISIONS)})")
    parser.add_argument("--whole", help=f"points x neurons of the whole trainings ({SIZES['whole']})")
    parser.add_argument("--accuracy", type=float, default=0.99, help="where they end (%(default)s)")
    parser.add_argument("--seconds", type=float, help=f"for the steps of a row ({SIZES['seconds']})")
    parser.add_argument("--limit", type=float, default=240, help="seconds after which no row begins (%(default)s)")
    parser.add_argument("--images", default=IMAGES, help="IDX (%(default)s)")
    parser.add_argument("--labels", default=LABELS, help="IDX (%(default)s)")
    parser.add_argument("--firetree", default=".build/release/firetree", help="the command (%(default)s)")
    parser.add_argument("--firetree-steps", type=int, default=20, help="%(default)s")
    parser.add_argument("--firetree-seconds", type=float, default=300, help="for a shape (%(default)s)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="take the device's rows from there")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results go (Benchmarks/results/...-gpu)")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes")
    options = parser.parse_args()
    for name, value in (SMOKE if options.smoke else SIZES).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.shapes, options.whole = [shape(text) for text in options.shapes.split(",")], shape(options.whole)
    if options.source:
        options.device = "cpu"
    return options


def main() -> None:
    os.chdir(ROOT)
    options = parse_options()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: PyTorch finds no CUDA device here; --device cpu --smoke tries the program without one")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    folder = options.out or new_folder(
        Path("Benchmarks/results"), f"{datetime.datetime.now():%Y-%m-%d-%H%M}-gpu")
    try:
        report = Report(folder, options)
    except RuntimeError as error:
        sys.exit(f"gpu.py: the device does not work: {str(error).splitlines()[0]}")
    if not options.source:
        measure_device(options, report)
    measure_firetree(options, report)
    report.write()
    print(report.page(), end="")
    progress(f"kept in {folder}")


if __name__ == "__main__":
    main()
