"""How long training, prediction and encoding take against the usual way: pairs in turn, with dev F1 beside.

python -m benchmarks.speed                     # the demo's backbone and a demo language
python -m benchmarks.speed --backbone ../shared/models/mini-xlmr --corpus ../shared/data/masakhaner2/swa --language sw
python -m benchmarks.speed --quick             # minutes: fewer sentences, one pair
python -m benchmarks.speed --parts training    # this part anew; the others stay where machine and options are the same
python -m benchmarks.speed --report            # the tables and the figure of the last one, once more
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

PLACE = Path(__file__).parent
RESULT = {"cpu": PLACE / "speed.json", "cuda": PLACE / "speed_gpu.json"}
PARTS = ("training", "training LoRA", "vocabulary", "methods", "language adapter", "prediction", "encoding", "imports")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5, help="pairs; each has a seed of its own")
    parser.add_argument("--backbone", default="", help="folder; 'demo' (a CPU's default); 'base': XLM-R base's shape")
    parser.add_argument(
        "--tokenizer", default="", help="folder of a backbone whose tokenizer 'base' has; '': the demo's"
    )
    parser.add_argument("--corpus", default="demo")
    parser.add_argument("--language", default="x-target")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument(
        "--dropout", type=float, default=-1, help="of the backbone, both ways; -1: as it was pretrained"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="320 sentences, one pair")
    parser.add_argument("--report", action="store_true")
    return parser.parse_args()


def settle(options):
    """Threads and device, before torch is imported."""
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    os.environ |= {"RAYON_NUM_THREADS": str(options.threads), "TOKENIZERS_PARALLELISM": "true"}
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if options.quick:
        options.repeats = 1


class Bench:
    """The material, and each part's measurement: rows of a table."""

    def __init__(self, options):
        import torch

        from nerlib import corpora, folders, labels, models
        from nerlib.params import Recipe

        torch.set_num_threads(options.threads)
        self.options, self.rows = options, []
        self.device = torch.device(options.device)
        self.backbone = models.find_backbone(self.place(options.backbone))
        corpus = options.corpus if options.corpus == "demo" else str(folders.from_root(options.corpus).resolve())
        self.corpus = corpora.load_corpus(corpus, options.language)
        self.train = self.corpus.train[:320] if options.quick else self.corpus.train
        self.dev = self.corpus.dev[:200] if options.quick else self.corpus.dev
        types = sorted({tag[2:] for sentence in self.corpus.train for tag in sentence.tags if tag != "O"})
        self.labels = labels.tag_names(types)
        rate = models.default_learning_rate(models.Full(), self.backbone.hidden_size)
        batch = {"batch_size": options.batch_size, "num_epochs": options.epochs}
        self.recipe = Recipe(**batch, learning_rate=rate)
        dropout = self.backbone.config.get("hidden_dropout_prob", 0.0)
        self.dropout = dropout if options.dropout < 0 else options.dropout

    def place(self, name):
        from benchmarks.shaped import base_backbone
        from nerlib import folders, pretraining

        name = name or {"cpu": "demo", "cuda": "base"}[self.device.type]
        own = folders.from_root(self.options.tokenizer) if self.options.tokenizer else None
        made = {"demo": pretraining.demo_backbone, "base": lambda: base_backbone(like=own)}
        return made[name]() if name in made else folders.from_root(name)

    def build(self, method, seed=0):
        from nerlib import models

        model = models.build(self.backbone, "ner", method, labels=self.labels, seed=seed)
        model.network.to(self.device)
        return model

    def usual_build(self, seed, method="full"):
        """The model with the backbone's own attention dropout, and the seed's head."""
        from nerlib.models import METHODS

        return self.build(METHODS[method](dropout=self.dropout, attention_dropout=self.dropout), seed)

    def f1(self, model):
        from nerlib import scoring, training

        found = training.predict(model, self.dev, max_length=self.options.max_length)
        return 100 * scoring.score([s.tags for s in self.dev], found).f1

    def note(self, part, what, seconds, **more):
        self.rows.append({"part": part, "what": what, "seconds": seconds} | more)
        told = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in more.items())
        print(f"{part}: {what}: {seconds:.3f} s; {told}", flush=True)

    # --- parts ---

    def training(self, part="training", method="full"):
        """The same model, head, data, sentences a batch, epochs and optimizer; dev is scored after each epoch.

        On a GPU the rival has bfloat16, too, by autocast; on a CPU that gives it nothing.
        """
        from benchmarks import usual
        from nerlib import models

        raw = {name: usual.dataset(getattr(self, name), self.labels) for name in ("train", "dev")}
        kinds = ["Trainer", "Trainer, group_by_length", "ours", "ours, float32"]
        if self.device.type == "cuda":
            kinds[1:2] = ["Trainer, bf16", "Trainer, bf16, group_by_length"]
        rate = models.default_learning_rate(models.METHODS[method](), self.backbone.hidden_size)
        recipe = self.recipe.model_copy(update={"learning_rate": rate})
        for seed in range(1, self.options.repeats + 1):
            for kind in kinds if seed % 2 else reversed(kinds):
                with self.memory() as peak:
                    model = self.usual_build(seed, method)
                    if kind.startswith("ours"):
                        seconds = self.ours(model, seed, recipe, "float32" if "float32" in kind else "auto")
                    else:
                        sets = {n: usual.mapped(d, model.tokenizer, self.options.max_length) for n, d in raw.items()}
                        seconds = usual.train(
                            model.network, model.tokenizer, sets["train"], sets["dev"], self.labels, recipe, seed,
                            "group" in kind, "bf16" in kind,
                        )  # fmt: skip
                rates = self.rates(self.subwords(model) * recipe.num_epochs, seconds, frozen=method != "full")
                self.note(part, kind, seconds, pair=seed, dev_f1=self.f1(model), peak_mib=peak(), **rates)

    def training_LoRA(self):
        """The same of LoRA: PEFT's model, trained by the `Trainer` and by us."""
        self.training("training LoRA", "lora")

    @contextlib.contextmanager
    def memory(self):
        """Gives what to call for the peak, in MiB: of the device's allocator, or of this process."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            yield lambda: torch.cuda.max_memory_allocated() / 2**20
        else:
            Path("/proc/self/clear_refs").write_text("5")  # resets the kernel's counter: proc_pid_clear_refs(5)
            yield lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 2**10

    def ours(self, model, seed, recipe, precision="auto", trims=False):
        """Train as the library does; the seconds of the loop, dev scored after each epoch."""
        from nerlib import scoring, training

        data, dev = (model.encode(s, self.options.max_length) for s in (self.train, self.dev))
        gold = [s.tags for s in self.dev]
        recipe = recipe.model_copy(update={"precision": precision})
        begun = time.perf_counter()
        with training.trimmed(model.network, (data, dev)) if trims else contextlib.nullcontext():
            training.train(
                model.network, data, recipe, seed=seed, loss=model.loss, count=model.task.count, hooks=model.hooks,
                cuts_batches=not model.runs_by_block, replays=model.runs_by_block,
                evaluate=lambda: scoring.score(gold, training.predict(model, dev)).f1,
            )  # fmt: skip
        return time.perf_counter() - begun

    def vocabulary(self):
        """One epoch on a tenth of the sentences, all rows of the embedding trained, or those that occur."""
        recipe = self.recipe.model_copy(update={"num_epochs": 1, "epoch_fraction": 0.1})
        for seed in range(1, self.options.repeats + 1):
            for name, trims in (("whole", False), ("trimmed", True)):
                with self.memory() as peak:
                    seconds = self.ours(self.usual_build(seed), seed, recipe, trims=trims)
                self.note("vocabulary", name, seconds, pair=seed, peak_mib=peak())

    def subwords(self, model):
        return len(model.encode(self.train, self.options.max_length).ids)

    def rates(self, subwords, seconds, frozen):
        """Subwords a second, and the share of the matrix rate: of the blocks' matrices alone, dev not counted."""
        config = self.backbone.config
        width, inner = config["hidden_size"], config["intermediate_size"]
        matrices = config["num_hidden_layers"] * (4 * width**2 + 2 * width * inner)
        operations = (4 if frozen else 6) * matrices * subwords  # forward, to the inputs, and to the weights
        return {
            "tokens_per_second": subwords / seconds,
            "share_of_matrix_rate": operations / seconds / self.matrix_rate(),
        }

    def matrix_rate(self):
        """Multiplications and additions a second of one large product in what a training multiplies in."""
        import torch

        from nerlib.training.parts import precision_on

        if not hasattr(self, "rate"):
            n, kind = 2048 if self.device.type == "cpu" else 8192, getattr(torch, precision_on(self.device))
            a = torch.randn(n, n, device=self.device, dtype=kind)
            self.rate = 2 * n**3 / min(timed(lambda: (a @ a).sum().item()) for _ in range(5))
        return self.rate

    def methods(self):
        """A training step of each method, of an epoch on a tenth of the sentences."""
        from nerlib import models

        recipe = self.recipe.model_copy(update={"num_epochs": 1, "epoch_fraction": 1.0 if self.options.quick else 0.1})
        for name in ("full", "lora", "dora", "adalora", "bottleneck"):
            method = models.METHODS[name]()
            rate = models.default_learning_rate(method, self.backbone.hidden_size)
            own = recipe.model_copy(update={"learning_rate": rate})
            for seed in range(1, self.options.repeats + 1):
                model = self.build(method, seed)
                seconds = self.ours(model, seed, own)
                rates = self.rates(self.subwords(model) * recipe.epoch_fraction, seconds, frozen=name != "full")
                self.note("methods", name, seconds, pair=seed, **rates)

    def language_adapter(self):
        """MAD-X's language adapter, all else frozen: one epoch on a fifth of the sentences as text; loss on dev's."""
        from benchmarks import usual
        from nerlib import models, pretraining
        from nerlib.models.backbones import load_tokenizer
        from nerlib.pretraining.mlm import network_for

        tokenizer, length = load_tokenizer(self.backbone.folder, self.backbone.family), self.options.max_length
        lines, unseen = ([" ".join(s.words) for s in part] for part in (self.train[::5], self.dev))
        recipe = self.recipe.model_copy(update={"num_epochs": 1, "learning_rate": 1e-3})
        for seed in range(1, self.options.repeats + 1):
            for kind in ("Trainer", "ours"):
                network = network_for(self.backbone, "x", models.MadX(), seed).to(self.device)
                if kind == "ours":
                    data = pretraining.mlm_dataset(tokenizer, [lines], length, seed)
                    seconds = timed(lambda n=network, d=data, s=seed: pretraining.train_masked(n, d, recipe, seed=s))
                else:
                    seconds = usual.train_masked(network, tokenizer, lines, length, recipe, seed)
                held_out = pretraining.mlm_dataset(tokenizer, [unseen], length, 0)
                loss = pretraining.mean_loss(network, held_out, recipe.batch_size)
                self.note("language adapter", kind, seconds, pair=seed, loss=loss)

    def prediction(self):
        """Tags of dev, from words; the pipeline is given text."""
        from benchmarks import usual
        from nerlib import training

        model = self.usual_build(0)
        model.network.eval()
        sentences = self.dev[:300]
        texts = [" ".join(s.words) for s in sentences]
        for pair in range(self.options.repeats):
            for size in (1, 8, 32):
                predict = usual.predictor(model.network, model.tokenizer, size)
                seconds = timed(lambda p=predict: list(p(texts)))
                self.note("prediction", f"pipeline, batch {size}", seconds, pair=pair)
            length = self.options.max_length
            seconds = timed(lambda: training.predict(model, sentences, max_length=length))  # noqa: B023
            self.note("prediction", "ours", seconds, pair=pair)

    def encoding(self):
        """Words and tags to subwords and labels, cold."""
        from benchmarks import usual

        model = self.usual_build(0)
        raw, length = usual.dataset(self.train, self.labels), self.options.max_length
        for pair in range(self.options.repeats):
            seconds = timed(lambda: usual.mapped(raw, model.tokenizer, length))
            self.note("encoding", "datasets.map", seconds, pair=pair)
            self.note("encoding", "ours", timed(lambda: model.encode(self.train, length)), pair=pair)

    def imports(self):
        """A fresh Python up to the import's end; a notebook's kernel needs about two seconds before."""
        for pair in range(min(self.options.repeats, 3)):
            for name in ("nerlib", "nerlib.experiment", "torch", "transformers", "peft", "adapters", "datasets"):
                command = [sys.executable, "-c", f"import {name}"]
                self.note("imports", name, timed(lambda c=command: subprocess.run(c, check=True)), pair=pair)


def timed(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def machine(options):
    """What it was measured on."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    gpu = torch.cuda.get_device_name() if options.device == "cuda" else ""
    return {
        "cpu": name, "threads": options.threads, "gpu": gpu, "torch": torch.__version__,
        "bfloat16_instructions": torch.cpu._is_avx512_bf16_supported(), "python": platform.python_version(),
    }  # fmt: skip


def kept(about):
    """The rows of the other parts that were measured before, where all else was the same."""
    result = RESULT[about["options"]["device"]]
    before = json.loads(result.read_text()) if result.is_file() else {}
    same = [{k: v for k, v in found.get("options", {}).items() if k != "parts"} for found in (before, about)]
    if before.get("machine") != about["machine"] or same[0] != same[1]:
        return []
    return [row for row in before["rows"] if row["part"] not in about["options"]["parts"]]


def main():
    options = arguments()
    result = RESULT[options.device]
    if not options.report:
        settle(options)
        bench = Bench(options)
        about = {"machine": machine(options), "options": vars(options)}
        others = kept(about)
        for part in options.parts:
            getattr(bench, part.replace(" ", "_"))()
            result.write_text(json.dumps(about | {"rows": others + bench.rows}, indent=1) + "\n")
    from benchmarks.speed_report import report

    print(report(json.loads(result.read_text()), result.with_suffix(".svg")))


if __name__ == "__main__":
    main()
