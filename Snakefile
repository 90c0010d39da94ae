# A whole study: every notebook for every language, each executed and rendered, then the study's index.
#
#     snakemake --cores 2 --configfile params/studies/assamese.yaml
#     snakemake --cores 2 --configfile params/studies/demo.yaml --config 'parameters={"seeds": [1]}'
#
# What is finished is skipped; a notebook is executed again when it, what it is given, or a notebook that it shares runs
# with has changed (finished runs are found by their digests, so that costs seconds). --keep-going lets a failed notebook's neighbours finish.
# Each study works in its own folder, reports/<study>, so several studies may run at once. After a kill -9 the folder
# stays locked: add --unlock to the command once.
import json
import sys

from nerlib import folders, reporting
from nerlib.errors import NerlibError
from nerlib.reporting import running

if not config:
    sys.exit("which study? snakemake --cores 2 --configfile params/studies/demo.yaml")
try:
    JOBS = {job.path: job for job in running.jobs(config)}
    workdir: str(folders.writable(folders.reports_folder() / config["study"]))
except NerlibError as error:
    sys.exit(str(error))

# Runs are shared: the baselines of 02 are found by 03, those of both by 05. Whoever comes later waits for these
# notebooks instead of for the locks of their runs; everything else goes side by side.
SHARE_RUNS = ["02_baseline", "03_lora_transfer", "05_full_finetuning"]


def earlier(wildcards):
    job = JOBS[wildcards.job]
    before = SHARE_RUNS[: SHARE_RUNS.index(job.notebook)] if job.notebook in SHARE_RUNS else []
    shared = [path for path, other in JOBS.items() if other.language == job.language and other.notebook in before]
    return [f"{path}.ipynb" for path in shared]


rule study:
    input:
        "index.html",


rule notebook:
    input:
        notebook=lambda wildcards: str(running.source(JOBS[wildcards.job].notebook)),
        earlier=earlier,
    output:
        notebook="{job}.ipynb",
        page="{job}.html",
    wildcard_constraints:
        job="|".join(map(re.escape, JOBS)),
    params:
        python=sys.executable,
        variant=lambda wildcards: JOBS[wildcards.job].variant,
        parameters=lambda wildcards: json.dumps(JOBS[wildcards.job].parameters, ensure_ascii=False),
    threads: int(config.get("threads", 1))  # part of a run's identity, so it does not follow --cores
    shell:
        "OMP_NUM_THREADS={threads} OMP_WAIT_POLICY=PASSIVE NERLIB_THREADS={threads} NERLIB_VARIANT={params.variant:q} "
        "{params.python:q} -m nerlib.reporting execute {input.notebook:q} {output.notebook:q} --parameters {params.parameters:q}"


rule index:
    input:
        expand("{job}.ipynb", job=JOBS),
        expand("{job}.html", job=JOBS),
    output:
        "index.html",
    params:
        python=sys.executable,
        study=config["study"],
        planned=list(JOBS),
    shell:
        "{params.python:q} -m nerlib.reporting index {params.study:q} --planned {params.planned:q}"


onerror:
    print("what was reached:", reporting.index(config["study"], list(JOBS)))
