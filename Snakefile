# A whole study: every notebook for every language, each executed and rendered, then the study's index.
#
#     snakemake --cores 2 --configfile params/studies/assamese.yaml
#     snakemake --cores 2 --configfile params/studies/demo.yaml --config 'override={"seeds": [1]}'
#     snakemake --workflow-profile profiles/slurm --configfile params/studies/wikiann.yaml
#
# What is finished is skipped; a notebook is executed again when it, what it is given, or what its runs are made of has
# changed (finished runs are found by their digests, so that costs seconds). --keep-going lets a failed notebook's
# neighbours finish. After a failure the same command makes what is missing. Each study works in its own folder,
# reports/<study>, so several studies may run at once. After a kill -9 the folder stays locked: give the command with
# --unlock once, then as before (the profiles have it make again what was cut off).
#
# With `granularity: notebook`, for one machine, a notebook makes its own runs. With `granularity: cell`, as the profiles
# for several devices have it, runs are jobs of their own that a device is asked for, what several need comes before them
# all, and notebooks find every run finished (nerlib/batch/grid.py).
import json
import sys
from functools import cache

from nerlib import folders
from nerlib.batch import grid, jobs, plan
from nerlib.errors import NerlibError

if not set(config) - {"granularity", "threads"}:
    sys.exit("which study? snakemake --cores 2 --configfile params/studies/demo.yaml")
try:
    JOBS = {job.path: job for job in jobs.register(config)}
    ONE_LANGUAGE = {path: job for path, job in JOBS.items() if job.language != jobs.ALL_LANGUAGES}
    GRID = grid.grid(JOBS.values() if config.get("granularity") == "cell" else ())
    REPORTS = folders.writable(folders.reports_folder() / config["study"])
    REMOVES_MODELS = any(job.parameters.get("keep_models", "all") != "all" for job in JOBS.values())
    folders.write_atomically(REPORTS / ".planned", "\n".join(JOBS))  # a file: a command line holds some thousands only
except NerlibError as error:
    sys.exit(str(error))
if workflow.is_main_process and any((REPORTS / ".snakemake" / "locks").glob("*")):  # --quiet all says nothing of it
    print(f"{REPORTS} is locked: another snakemake makes this study, or one was killed: then the same command with")
    print("--unlock once (where jobs were submitted: when these have ended), and the same command again")
PYTHON = sys.executable  # no parameter: whoever moves the environment has nothing to make again


@cache
def resources():
    """Minutes and megabytes of each cell; only who submits jobs asks for them."""
    return plan.resources(GRID)


def made(cells):
    """The files that say which runs cells have made."""
    return [f".made/{GRID.cells[path].kind}/{path}.json" for path in cells]


workdir: str(REPORTS)


wildcard_constraints:
    job=r"[^/]+/[^/]+",
    cell=r"[^/]+/[^/]+",


localrules:
    study,
    index,


# The index is no target by itself: it is written after a failure, too, and says what was reached.
rule study:
    input:
        expand("{job}.html", job=JOBS),
        "index.html",


# A CPU run is bit-equal for one number of threads, so it does not follow --cores.
for kind in grid.KINDS:

    rule:
        name:
            kind
        input:
            lambda wildcards: made(GRID.cells[wildcards.cell].needs),
        output:
            f".made/{kind}/{{cell}}.json",
        params:
            parameters=lambda wildcards: json.dumps(GRID.cells[wildcards.cell].parameters, ensure_ascii=False),
        threads: int(config.get("threads", 1))
        resources:
            runtime=lambda wildcards, attempt: attempt * resources()[wildcards.cell][0],
            mem_mb=lambda wildcards, attempt: attempt * resources()[wildcards.cell][1],
        shell:
            "OMP_NUM_THREADS={threads} NERLIB_THREADS={threads} "
            "{PYTHON:q} -m nerlib.experiment make {output:q} --cell {params.parameters:q}"


rule notebook:
    input:
        notebook=lambda wildcards: str(jobs.source(JOBS[wildcards.job].notebook)),
        made=lambda wildcards: made(GRID.of_notebook.get(wildcards.job, ())),
        # What sums up the study reads all its runs: every other notebook is finished before.
        others=lambda wildcards: expand("{job}.ipynb", job=[] if wildcards.job in ONE_LANGUAGE else ONE_LANGUAGE),
    output:
        notebook="{job}.ipynb",
        page="{job}.html",
    params:
        variant=lambda wildcards: JOBS[wildcards.job].variant,
        parameters=lambda wildcards: json.dumps(JOBS[wildcards.job].parameters, ensure_ascii=False),
    # Where notebooks make runs, they share them: whoever needs one that another one is making waits for it.
    priority: lambda wildcards: JOBS[wildcards.job].priority
    threads: int(config.get("threads", 1))
    resources:
        runtime=lambda wildcards, attempt: attempt * plan.NOTEBOOK_MINUTES,
        mem_mb=lambda wildcards, attempt: attempt * plan.NOTEBOOK_MB,
    shell:
        "OMP_NUM_THREADS={threads} NERLIB_THREADS={threads} NERLIB_VARIANT={params.variant:q} "
        "{PYTHON:q} -m nerlib.batch execute {input.notebook:q} {output.notebook:q} --parameters {params.parameters:q} "
        "--made {input.made:q}"


rule index:
    input:
        expand("{job}.ipynb", job=JOBS),
        expand("{job}.html", job=JOBS),
    output:
        "index.html",
    params:
        study=config["study"],
        # Models that notebooks load stay until all is drawn.
        tidy=[PYTHON, "-m", "nerlib.experiment", "tidy", config["study"]] if REMOVES_MODELS else ["true"],
    shell:
        "{PYTHON:q} -m nerlib.batch index {params.study:q} --planned .planned && {params.tidy:q}"


onerror:
    from nerlib.batch.pages import index

    print("what was reached:", index(config["study"], list(JOBS)))
