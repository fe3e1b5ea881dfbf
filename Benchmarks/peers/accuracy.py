"""The third table: training time and held-out accuracy beside scikit-learn."""

import json
import os
import sys
import tempfile

from child import Failure, run
from firetree import FireTree
from report import Results, duration, memory, progress, table
from steps import PEER

ESTIMATORS = {"mlp": "MLPClassifier", "svc": "SVC", "forest": "RandomForestClassifier"}
HEADER = ["program", "settings", "training", "accuracy", "peak memory"]


def measure(points: int, held_out: int, firetree: FireTree, results: Results) -> list[str]:
    """Measures and writes the table; returns what is wrong: a run of FireTree that failed."""
    results.say(
        f"Accuracy on {held_out:,} held-out digits after training on {points:,} others, one run each. FireTree: the "
        "whole process, with reading, preprocessing and writing; scikit-learn: the fit alone, pixels between 0 and 1.")
    rows, notes, errors = [], [], []
    for name in ["firetree", *ESTIMATORS]:
        program = ESTIMATORS.get(name, "FireTree")
        progress(f"accuracy: {program}")
        record: dict = {"table": "accuracy", "program": program, "points": points, "held_out": held_out}
        try:
            found = _scikit_learn(name, points, held_out) if name in ESTIMATORS else _firetree(
                firetree, points, held_out)
        except Failure as failure:
            results.record(record | {"failure": str(failure)})
            rows.append([program, "-", "-", "-", "-"])
            notes.append(f"{program}: {failure}.")
            if name not in ESTIMATORS:
                errors.append(f"accuracy, {notes[-1]}")
            continue
        results.record(record | found)
        rows.append([
            program, found["settings"], duration(found["seconds"]), f"{found['accuracy']:.2%}",
            memory(found["peak_bytes"])])
    results.say(table(HEADER, rows, texts=2))
    results.notes(notes)
    return errors


def _firetree(firetree: FireTree, points: int, held_out: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model")
        finished = firetree.train(points, model)
        accuracy = firetree.accuracy(model, held_out, skip=points)
    return {
        "settings": "defaults", "seconds": finished.seconds, "accuracy": accuracy, "peak_bytes": finished.peak_bytes}


def _scikit_learn(name: str, points: int, held_out: int) -> dict:
    finished = run([sys.executable, PEER, "fit", name, str(points), str(held_out)])
    return json.loads(finished.output) | {"peak_bytes": finished.peak_bytes}
