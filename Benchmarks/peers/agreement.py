"""When two losses of the same training count as equal."""

RELATIVE = 1e-4
OF_FIRST = 1e-7


def difference(ours: list[float], theirs: list[float]) -> float:
    """The relative difference of the losses after the last iteration that both have; entry 0 is the loss at start."""
    last = min(len(ours), len(theirs)) - 1
    return abs(ours[last] - theirs[last]) / abs(theirs[last])


def agree(
    ours: list[float], theirs: list[float], relative: float = RELATIVE, of_first: float = OF_FIRST
) -> bool:
    """Whether they differ by at most `relative`, or by `of_first` of the first loss.

    By default that is what single precision resolves.
    """
    last = min(len(ours), len(theirs)) - 1
    return abs(ours[last] - theirs[last]) <= max(relative * abs(theirs[last]), of_first * theirs[0])
