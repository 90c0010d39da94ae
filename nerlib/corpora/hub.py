"""Corpora of the Hugging Face Hub, by short names or as `organisation/name`.

Only data files are read, never a repository's code. Where the main branch holds nothing but a loading script, the Hub's
own conversion of it to Parquet is taken (the branch `refs/convert/parquet`). What was downloaded once is found again
without a network.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nerlib.corpora.files import split_of
from nerlib.corpora.languages import codes
from nerlib.errors import CorpusError

REVISIONS = ("main", "refs/convert/parquet")
SECONDS_TO_ANSWER = 10.0
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class _Repository(NamedTuple):
    name: str
    configurations: dict[str, str]  # the language's code there -> the folder of its files


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_WIKIANN = """
ace af als am an ang ar arc arz as ast ay az ba bar bat-smg be be-x-old bg bh bn bo br bs ca cbk-zam cdo ce
ceb ckb co crh cs csb cv cy da de diq dv el eml en eo es et eu ext fa fi fiu-vro fo fr frr fur fy ga gan gd gl
gn gu hak he hi hr hsb hu hy ia id ig ilo io is it ja jbo jv ka kk km kn ko ksh ku ky la lb li lij lmo ln lt
lv map-bms mg mhr mi min mk ml mn mr ms mt mwl my mzn nap nds ne nl nn no nov oc or os pa pdc pl pms pnb ps pt
qu rm ro ru rw sa sah scn sco sd sh si simple sk sl so sq sr su sv sw szl ta te tg th tk tl tr tt ug uk ur uz
vec vep vi vls vo wa war wuu xmf yi yo zea zh zh-classical zh-min-nan zh-yue
"""
_MORE_WIKIPEDIAS = "bm ee ff ha kg ki lg ny om rn sn ss st ti tn ts tw xh zu"
_UD = """
am_att ar_padt be_hse bg_btb bho_bhtb ca_ancora cs_pdt cy_ccg da_ddt de_gsd el_gdt en_ewt es_ancora et_edt eu_bdt
fa_seraji fi_tdt fr_gsd ga_idt gd_arcosg gl_ctg he_htb hi_hdtb hr_set hu_szeged hy_armtdp id_gsd is_icepahc it_isdt
ja_gsd kk_ktb ko_kaist la_ittb lt_alksnis lv_lvtb mr_ufal mt_mudt nl_alpino no_bokmaal pl_pdb pt_bosque ro_rrt
ru_syntagrus sa_vedic sk_snk sl_ssj sr_set sv_talbanken ta_ttb te_mtg th_pud tl_trg tr_imst ug_udt uk_iu ur_udtb
vi_vtb wo_wtb yo_ytb zh_gsd
"""
REPOSITORIES = {
    # Rahimi et al. 2019's splits of Pan et al. 2017; folders have Wikipedia's codes, not always language tags.
    "wikiann": _Repository(
        "unimelb-nlp/wikiann",
        _same(_WIKIANN)
        | {"lzh": "zh-classical", "nan": "zh-min-nan", "yue": "zh-yue", "sgs": "bat-smg", "vro": "fiu-vro"},
    ),
    "masakhaner": _Repository("masakhane/masakhaner", _same("amh hau ibo kin lug luo pcm swa wol yor")),
    "masakhaner2": _Repository(
        "masakhane/masakhaner2",
        _same("bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"),
    ),
    "masakhapos": _Repository(
        "masakhane/masakhapos",
        _same("bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"),
    ),
    # Universal Dependencies 2.7; of several treebanks of a language a large one, with a training split where there is
    # one (am_att, bho_bhtb, th_pud, tl_trg and yo_ytb have a test split only).
    "ud": _Repository(
        "universal-dependencies/universal_dependencies", {name.split("_")[0]: name for name in _UD.split()}
    ),
    # What the Persian study took; one language, so no folder for it. `syntran_fa` has a training split only.
    "persian_food_sentiment": _Repository("asparius/Persian-Food-Sentiment", {"fa": ""}),
    "persian_ner_500k": _Repository("mansoorhamidzadeh/Persian-NER-Dataset-500k", {"fa": ""}),
    "syntran_fa": _Repository("SLPL/syntran-fa", {"fa": ""}),
    # Mayhew et al. 2024; of several treebanks of a language the one with a training split.
    "universal_ner": _Repository(
        "universalner/universal_ner",
        {"ceb": "ceb_gja", "da": "da_ddt", "de": "de_pud", "en": "en_ewt", "hr": "hr_set", "pt": "pt_bosque"}
        | {"ru": "ru_pud", "sk": "sk_snk", "sr": "sr_set", "sv": "sv_talbanken", "tl": "tl_trg", "zh": "zh_gsd"},
    ),
}
# Unlabelled text, with a column `text`.
TEXTS = {
    "wikipedia": _Repository(
        "wikimedia/wikipedia",
        {code: f"20231101.{code}" for code in f"{_WIKIANN} {_MORE_WIKIPEDIAS}".split()},
    )
}


def is_hub_name(name: str, known: Mapping[str, _Repository] = REPOSITORIES) -> bool:
    """Whether a corpus's (or, with `TEXTS`, a text's) name is a short name, or has the form `organisation/name`."""
    return name in known or _NAME.fullmatch(name) is not None


def download(corpus: str, language: str) -> tuple[Path, str]:
    """Bring a language's files here, or find them in the Hub's cache.

    Returns
    -------
    folder : Path
        The folder that holds the files of the splits.
    revision : str
        The commit they are from.

    Raises
    ------
    CorpusError
        When the language is unknown there, the Hub cannot be reached, or the repository holds no data files.
    """
    folder, _, revision = _find(corpus, language, REPOSITORIES, None)
    return folder, revision


def download_text(text: str, language: str) -> tuple[Path, str, int]:
    """Bring the first file of a language's unlabelled text here, or find it in the Hub's cache.

    Texts of large languages fill dozens of files, of which a language adapter reads a small part.

    Returns
    -------
    file : Path
    revision : str
        The commit it is from.
    more : int
        How many files were left where they are.

    Raises
    ------
    CorpusError
        As `download`.
    """
    folder, files, revision = _find(text, language, TEXTS, 1)
    return folder / files[0], revision, len(files) - 1


def _find(
    corpus: str, language: str, known: Mapping[str, _Repository], at_most: int | None
) -> tuple[Path, list[str], str]:
    """The folder of a language's files, their names in it, and the commit; `at_most` so many of them are brought."""
    repository, configurations = _where(corpus, language, known)
    unreachable: OSError | None = None
    met: list[str] = []
    for revision in REVISIONS:
        try:
            files = _downloaded(repository, revision) if unreachable else _listed(repository, revision)
        except OSError as error:
            unreachable, files = error, _downloaded(repository, revision)
        flat = () if corpus in known else ("data", "default", "plain_text", repository.partition("/")[2], "")
        folder = _folder_of(configurations, files, flat)
        if folder is not None:
            wanted = [file for file in files if _holder(file) == PurePosixPath(folder)]
            wanted.sort(key=lambda file: ("train" not in file, file))
            snapshot = _snapshot(repository, revision, wanted[:at_most], local=unreachable is not None)
            return snapshot / folder, [str(PurePosixPath(file).relative_to(folder)) for file in wanted], snapshot.name
        met += files
    if unreachable:
        raise CorpusError(
            f"the Hugging Face Hub cannot be reached for {repository!r} ({type(unreachable).__name__}), and the "
            f"language {language!r} was not downloaded before. {_by_hand(repository)}"
        ) from unreachable
    languages = sorted({str(holder) for holder in map(_holder, met) if holder not in (None, PurePosixPath())})
    if languages:
        raise CorpusError(
            f"corpus {corpus!r} ({repository}): expected a folder {' or '.join(configurations)}, "
            f"met {', '.join(languages)}"
        )
    raise CorpusError(
        f"corpus {corpus!r}: {repository} on the Hugging Face Hub holds no data files that can be read without running "
        f"its code (met {', '.join(met[:8]) or 'nothing'}). {_by_hand(repository)}"
    )


def _where(corpus: str, language: str, known: Mapping[str, _Repository]) -> tuple[str, tuple[str, ...]]:
    """The repository, and the names that the language's files may have there, best first."""
    if corpus not in known:
        return corpus, codes(language)
    repository = known[corpus]
    for code in codes(language):
        if code in repository.configurations:
            return repository.name, (repository.configurations[code],)
    nearest = get_close_matches(language, repository.configurations, 1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise CorpusError(
        f"corpus {corpus!r}: unknown language {language!r}; "
        f"expected one of {', '.join(repository.configurations)}{hint}"
    )


def _listed(repository: str, revision: str) -> list[str]:
    """The names of a revision's files, as the Hub lists them; `OSError` when it cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        # Asked first, with a time limit: a download would wait for minutes on a network that swallows packets.
        info = HfApi().dataset_info(repository, revision=revision, timeout=SECONDS_TO_ANSWER)
    except RevisionNotFoundError:
        return []
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise CorpusError(
            f"the Hugging Face Hub has no repository {repository!r} that can be read from here. {_by_hand(repository)}"
        ) from error
    return [file.rfilename for file in info.siblings or []]


def _downloaded(repository: str, revision: str) -> list[str]:
    """The names of a revision's files in the Hub's cache on this machine."""
    try:
        snapshot = _snapshot(repository, revision, None, local=True)
    except CorpusError:
        return []
    return [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*") if file.is_file()]


def _snapshot(repository: str, revision: str, files: list[str] | None, local: bool) -> Path:
    from huggingface_hub import snapshot_download

    try:
        with _no_bars():
            snapshot = snapshot_download(
                repository, repo_type="dataset", revision=revision, allow_patterns=files, local_files_only=local
            )
    except (OSError, ValueError) as error:
        raise CorpusError(f"{repository} could not be downloaded: {error}. {_by_hand(repository)}") from error
    return Path(snapshot)


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """The Hub's progress bars off: they fill notebooks and logs."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


def _folder_of(configurations: Sequence[str], files: Sequence[str], flat: Sequence[str]) -> str | None:
    """The folder with the splits' files: of the configuration, or (`flat`) one that names no language."""
    holding = {_holder(file) for file in files}
    names = [name for code in configurations for name in (code, f"data/{code}")]
    for name in (*names, *flat):
        if PurePosixPath(name) in holding:
            return name
    return None


def _holder(file: str) -> PurePosixPath | None:
    """The folder to which a split's file belongs: of `as/train.parquet` and of `as/train/0000.parquet`, `as`."""
    path = PurePosixPath(file)
    if split_of(path.name):
        return path.parent
    return path.parent.parent if split_of(f"{path.parent.name}{path.suffix}") else None


def _by_hand(repository: str) -> str:
    return (
        f"By hand: download the files from https://huggingface.co/datasets/{repository} (or the corpus's own page) "
        "into a folder with train, dev and test files and give that folder as the corpus."
    )
