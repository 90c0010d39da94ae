"""The notebooks in a real JupyterLab, by mouse: all cells run, and run again in the same kernel.

Needs `pip install playwright -c constraints.txt` and a Chromium of the system; skipped where one of them is missing.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from nerlib.batch import jobs
from tests import tiny

browsers = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "02_baseline.ipynb"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SECONDS = 150
CELLS = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(cell => JSON.stringify(cell.toJSON()))"


@pytest.fixture
def lab(tmp_path, tiny_backbone):
    """The address of a JupyterLab on a notebook, its parameters filled in as `make lab STUDY=...` does."""
    if CHROMIUM is None:
        pytest.skip("needs a Chromium of the system")
    given = tiny.small_study(tmp_path, tiny_backbone(), study="lab", num_epochs=1, target_steps=4, seeds=[1])
    text = jobs.filled(nbformat.read(NOTEBOOK, as_version=4), {**given, "method": "full"})
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notebook.ipynb").write_text(text, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=", "--expose-app-in-browser"]
    root = str(NOTEBOOK.parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", f"--notebook-dir={tmp_path / 'work'}", *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/api")
            break
        except OSError:
            time.sleep(0.2)
    yield address
    process.terminate()
    process.wait(30)


def run_all(page):
    """Run > Run All Cells; the code cells when the last of them has run, or one has failed."""
    before = max((cell["execution_count"] or 0 for cell in code_cells(page)), default=0)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    for _ in range(2 * SECONDS):
        cells = code_cells(page)
        if (cells[-1]["execution_count"] or 0) > before or errors(cells):
            return cells
        page.wait_for_timeout(500)
    raise AssertionError(f"not done in {SECONDS} s: {[cell['execution_count'] for cell in cells]}")


def code_cells(page):
    return [cell for cell in map(json.loads, page.evaluate(CELLS)) if cell["cell_type"] == "code"]


def errors(cells):
    return [f"{o['ename']}: {o['evalue']}" for c in cells for o in c["outputs"] if o["output_type"] == "error"]


@pytest.mark.slow
def test_all_cells_run_twice_in_jupyterlab_and_again_with_another_seed(lab):
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{lab}/lab/tree/notebook.ipynb")
        page.get_by_role("menuitem", name="Run", exact=True).wait_for(timeout=60_000)
        kernel = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        page.wait_for_function(f"{kernel}?.status == 'idle'")
        first, second = run_all(page), run_all(page)
        assert not errors(first) and not errors(second)
        found = "".join(o["text"] for cell in second for o in cell["outputs"] if o["output_type"] == "stream")
        assert "found finished, seed 1" in found and "epoch" not in found
        cell = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells.find(c => c.source.includes('seeds = '))"
        page.evaluate(f"{cell}.setSource({cell}.source.replace('seeds = [1]', 'seeds = [2]'))")
        assert not errors(run_all(page))
        browser.close()
