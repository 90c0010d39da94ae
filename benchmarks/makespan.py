"""Studies on many devices, simulated: how long from start to end, hours held, hours idle; a job a notebook, or a cell.

``python -m benchmarks.makespan``: seconds are those of `nerlib.batch.plan`. With a job a notebook, a notebook makes its
runs one after the other on its device; it waits for a run that another one is making, and takes over a training on
sources only where that has ended.
"""

import heapq

from nerlib import params
from nerlib.batch import grid, jobs, plan

DEVICES = (1, 8, 100)
DRAWING = 60.0  # seconds of a notebook beside its runs, its device held


def of_notebooks(study: grid.Grid, planned: list[jobs.Job], devices: int) -> tuple[float, float, float]:
    """Hours from start to end, held, and idle within, with a job a notebook."""
    seconds = {}
    for cell in study.cells.values():
        for key, (one, _) in cell.trainings.items():
            each = plan.rate(one, {})
            training = each.step * plan.steps(one, {})
            seconds[key] = one.weights, each.run, training, plan.tried(one) * (each.run + training)
    ends: dict[tuple[str, int], float] = {}  # of a run that is made, or is being made
    trained: dict[tuple[str, int], float] = {}
    tried = set[str]()
    queue = []
    for job in sorted(planned, key=lambda job: -job.priority):
        if job.path in study.of_notebook:
            settings = params.read_settings(grid.defaults(job.notebook) | job.parameters)
            wanted = [one for ask in grid.asked(job.notebook, settings) for one in grid.trainings(*ask)]
            queue.append([(one.key, seed) for one in wanted for seed in one.seeds])
    running: list[tuple[float, int, int]] = []
    now, held, idle, begun, waiting = 0.0, 0.0, 0.0, {}, list(range(len(queue)))[::-1]
    while waiting or running:
        while waiting and len(running) < devices:
            number = waiting.pop()
            begun[number] = now
            heapq.heappush(running, (now + plan.START, number, 0))
        now, number, at = heapq.heappop(running)
        if at > len(queue[number]):
            held += now - begun[number]
            continue
        if at == len(queue[number]):
            heapq.heappush(running, (now + DRAWING, number, at + 1))
            continue
        key, seed = queue[number][at]
        weights, each, training, trying = seconds[key]
        if (key, seed) not in ends:
            shared = weights and trained.get((weights, seed), now + 1) <= now
            ends[key, seed] = now + each + (0 if shared else training)
            if key not in tried:
                tried.add(key)
                ends[key, seed] += trying
            trained.setdefault((weights, seed), ends[key, seed])
        else:
            idle += max(0.0, ends[key, seed] - now)
        heapq.heappush(running, (max(now, ends[key, seed]), number, at + 1))
    return now / 3600, held / 3600, idle / 3600


def main() -> None:
    """Print the table."""
    print("| study | devices | notebooks: hours | held | idle | cells: hours | held |\n|---|---|---|---|---|---|---|")
    for name in ("assamese", "persian", "african", "wikiann"):
        planned = jobs.jobs(params.study_file(name))
        study = grid.grid(planned)
        spent = {str(k): v for k, v in plan.estimate(study, {}).groupby("cell")["seconds"].sum().items()}
        held = (sum(spent.values()) + plan.START * len(spent)) / 3600
        for devices in DEVICES:
            before = " | ".join(f"{hours:.2f}" for hours in of_notebooks(study, planned, devices))
            print(f"| {name} | {devices} | {before} | {plan.makespan(study, spent, devices) / 3600:.2f} | {held:.2f} |")


if __name__ == "__main__":
    main()
