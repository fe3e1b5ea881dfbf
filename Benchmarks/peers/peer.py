"""One run of another framework, in a process of its own: prints one JSON line.

    peer.py steps FRAMEWORK MODEL POINTS ...   takes steps, with time and loss of each
    peer.py reach MODEL POINTS ...             finds the first iteration with an accuracy (JAX)
    peer.py train MODEL POINTS ...             trains and writes the weights (JAX)
    peer.py whole FRAMEWORK MODEL POINTS ...   trains on a data file as long as it may, and writes the weights
    peer.py judge WEIGHTS MODEL POINTS ...     loss and accuracies of weights that `whole` has written
    peer.py fit ESTIMATOR TRAINING HELD-OUT    fits a scikit-learn estimator

MODEL is a FireTree model file that holds the initial network and the learning rate.
"""

import argparse
import json
import time

from firetree import Data
from frameworks import TRAINERS, Trainer
from problem import Problem, digits, read_points, read_problem


def steps(options: argparse.Namespace) -> dict:
    """Step times and losses, within the limits of the options; a reason under "failure" if the first step is slow."""
    problem, trainer = _start(options, options.framework)
    seconds: list[float] = []
    losses: list[float] = []
    while len(seconds) < options.steps:
        start = time.perf_counter()
        outputs = trainer.step()
        seconds.append(time.perf_counter() - start)
        losses.append(problem.loss(outputs))
        if options.give_up and seconds[0] > options.budget:
            return {"failure": f"a step takes {seconds[0]:.3g} s, more than the budget of {options.budget:g} s"}
        if sum(seconds) >= options.budget and len(seconds) >= options.least:
            break
    losses.append(problem.loss(trainer.outputs()))
    return {"step_seconds": seconds, "losses": losses}


def reach(options: argparse.Namespace) -> dict:
    """The first number of iterations after which the accuracy on the training points is reached, and the losses."""
    problem, trainer = _start(options, "jax")
    losses: list[float] = []
    for iteration in range(options.limit + 1):
        outputs = trainer.step()
        losses.append(problem.loss(outputs))
        accuracy = problem.accuracy(outputs)
        if accuracy >= options.accuracy:
            return {"iterations": iteration, "accuracy": accuracy, "losses": losses}
    return {"failure": f"JAX has an accuracy of {accuracy} after {options.limit} iterations, not {options.accuracy}"}


def train(options: argparse.Namespace) -> dict:
    """What a whole training takes when the number of iterations is known: nothing is evaluated on the way."""
    from safetensors.numpy import save_file

    problem, trainer = _start(options, "jax")
    for _ in range(options.iterations):
        trainer.step()
    save_file({"hidden.weight": trainer.weights(), "output.weight": problem.output}, options.out)
    return {}


def whole(options: argparse.Namespace) -> dict:
    """A whole training, with the time of each step and the loss before it; ends early when the budget is spent."""
    import numpy as np

    start = time.perf_counter()
    problem, hidden = read_problem(options.model, options.points, Data.of(options.data))
    trainer = TRAINERS[options.framework](problem, hidden, options.momentum)
    del hidden
    seconds: list[float] = []
    losses: list[float] = []
    while len(seconds) < options.steps and (
        len(seconds) < options.least or time.perf_counter() - start < options.budget
    ):
        before = time.perf_counter()
        outputs = trainer.step()
        seconds.append(time.perf_counter() - before)
        losses.append(problem.loss(outputs))
    np.save(options.out, trainer.weights())
    return {"step_seconds": seconds, "losses": losses}


def judge(options: argparse.Namespace) -> dict:
    """Loss on the training points, and the share of right classes on them and on the held-out ones that follow."""
    import numpy as np

    hidden, data = np.load(options.weights, mmap_mode="r"), Data.of(options.data)
    training = read_points(options.model, options.points, data, 0)
    outputs = training.outputs_of(hidden)
    found = {"loss": training.loss(outputs), "accuracy": training.accuracy(outputs)}
    if options.held_out:
        fresh = read_points(options.model, options.held_out, data, options.points)
        found["held_out"] = fresh.accuracy(fresh.outputs_of(hidden))
    return found


def fit(options: argparse.Namespace) -> dict:
    """Seconds of the fit, and the accuracy on the held-out points that follow the training ones."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    estimator = {
        "mlp": lambda: MLPClassifier((2000,), random_state=0),
        "svc": lambda: SVC(C=10, kernel="rbf", gamma="scale"),
        "forest": lambda: RandomForestClassifier(n_jobs=-1, random_state=0),
    }[options.estimator]()
    images, labels = digits(options.points)
    start = time.perf_counter()
    estimator.fit(images / 255, labels)
    seconds = time.perf_counter() - start
    images, labels = digits(options.held_out, skip=options.points)
    return {"settings": repr(estimator), "seconds": seconds, "accuracy": estimator.score(images / 255, labels)}


def _start(options: argparse.Namespace, framework: str) -> tuple[Problem, Trainer]:
    problem, hidden = read_problem(options.model, options.points)
    return problem, TRAINERS[framework](problem, hidden, options.momentum)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(function, *positional: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(function.__name__)
        subparser.set_defaults(function=function)
        for name in positional:
            subparser.add_argument(name, type=int if name in ("points", "held_out") else str)
        return subparser

    subparser = command(steps, "framework", "model", "points")
    subparser.add_argument("--steps", type=int, required=True)
    subparser.add_argument("--least", type=int, required=True, help="steps to take even beyond the budget")
    subparser.add_argument("--budget", type=float, required=True, help="seconds for all steps")
    subparser.add_argument("--give-up", action="store_true", help="when the first step alone exceeds the budget")
    subparser.add_argument("--momentum", type=float, required=True)
    subparser = command(reach, "model", "points")
    subparser.add_argument("--accuracy", type=float, required=True)
    subparser.add_argument("--limit", type=int, required=True, help="iterations at most")
    subparser.add_argument("--momentum", type=float, required=True)
    subparser = command(train, "model", "points")
    subparser.add_argument("--iterations", type=int, required=True)
    subparser.add_argument("--out", required=True)
    subparser.add_argument("--momentum", type=float, required=True)
    subparser = command(whole, "framework", "model", "points")
    subparser.add_argument("--data", nargs="+", required=True, help="a file, and that of its labels")
    subparser.add_argument("--steps", type=int, required=True)
    subparser.add_argument("--least", type=int, required=True, help="steps to take even beyond the budget")
    subparser.add_argument("--budget", type=float, required=True, help="seconds after which no step begins")
    subparser.add_argument("--momentum", type=float, required=True)
    subparser.add_argument("--out", required=True)
    subparser = command(judge, "weights", "model", "points")
    subparser.add_argument("--data", nargs="+", required=True)
    subparser.add_argument("--held-out", type=int, required=True)
    command(fit, "estimator", "points", "held_out")
    options = parser.parse_args()
    print(json.dumps(options.function(options)))


if __name__ == "__main__":
    main()
