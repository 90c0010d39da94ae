# A whole study: every notebook for every language, each executed and rendered, then the study's index.
#
#     snakemake --cores 2 --configfile params/studies/assamese.yaml
#     snakemake --cores 2 --configfile params/studies/demo.yaml --config 'parameters={"seeds": [1]}'
#
# What is finished is skipped; a notebook is executed again when it, what it is given, or a notebook that it shares runs
# with has changed (finished runs are found by their digests, so that costs seconds). --keep-going lets a failed notebook's neighbours finish.
# After a failure the same command makes what is missing. Each study works in its own folder, reports/<study>, so several
# studies may run at once. After a kill -9 the folder stays locked: give the command with --unlock once, then as before
# (profiles/default has it make again what was cut off).
import json
import sys

from nerlib import folders
from nerlib.batch import jobs
from nerlib.errors import NerlibError

if not config:
    sys.exit("which study? snakemake --cores 2 --configfile params/studies/demo.yaml")
try:
    JOBS = {job.path: job for job in jobs.register(config)}
    ONE_LANGUAGE = {path: job for path, job in JOBS.items() if job.language != jobs.ALL_LANGUAGES}
    REPORTS = folders.writable(folders.reports_folder() / config["study"])
    folders.write_atomically(REPORTS / ".planned", "\n".join(JOBS))  # a file: a command line holds some thousands only
except NerlibError as error:
    sys.exit(str(error))


workdir: str(REPORTS)


localrules:
    study,
    index,


# The index is no target by itself: it is written after a failure, too, and says what was reached.
rule study:
    input:
        expand("{job}.html", job=JOBS),
        "index.html",


rule notebook:
    input:
        notebook=lambda wildcards: str(jobs.source(JOBS[wildcards.job].notebook)),
        # What sums up the study reads all its runs: every other notebook is finished before.
        others=lambda wildcards: expand("{job}.ipynb", job=[] if wildcards.job in ONE_LANGUAGE else ONE_LANGUAGE),
    output:
        notebook="{job}.ipynb",
        page="{job}.html",
    wildcard_constraints:
        job=r"[^/]+/[^/]+",
    params:
        python=sys.executable,
        variant=lambda wildcards: JOBS[wildcards.job].variant,
        parameters=lambda wildcards: json.dumps(JOBS[wildcards.job].parameters, ensure_ascii=False),
    # Notebooks share runs: whoever needs a run that another one is making waits for it, nothing is made twice.
    priority: lambda wildcards: JOBS[wildcards.job].priority
    threads: int(config.get("threads", 1))  # a CPU run is bit-equal for one number of threads, so it does not follow --cores
    shell:
        "OMP_NUM_THREADS={threads} NERLIB_THREADS={threads} NERLIB_VARIANT={params.variant:q} "
        "{params.python:q} -m nerlib.batch execute {input.notebook:q} {output.notebook:q} --parameters {params.parameters:q}"


rule index:
    input:
        expand("{job}.ipynb", job=JOBS),
        expand("{job}.html", job=JOBS),
    output:
        "index.html",
    params:
        python=sys.executable,
        study=config["study"],
    shell:
        "{params.python:q} -m nerlib.batch index {params.study:q} --planned .planned"


onerror:
    from nerlib.batch.index import index

    print("what was reached:", index(config["study"], list(JOBS)))
