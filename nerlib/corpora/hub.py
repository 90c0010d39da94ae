"""Corpora of the Hugging Face Hub, by short names or as `organisation/name`.

Only data files are read, never a repository's code. Where the main branch holds nothing but a loading script, the Hub's
own conversion of it to Parquet is taken (the branch `refs/convert/parquet`). What was downloaded once is found again
without a network.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nerlib.corpora.files import misnamed, split_of
from nerlib.errors import CorpusError
from nerlib.languages import codes

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class _Repository(NamedTuple):
    name: str
    configurations: dict[str, str]  # the language's code there -> the folder of its files


def _folders(names: str) -> dict[str, str]:
    """Folders by language: `yor` is of Yoruba, and so is `yo_ytb`, a treebank."""
    return {name.partition("_")[0]: name for name in names.split()}


_WIKIANN = """
ace af als am an ang ar arc arz as ast ay az ba bar bat-smg be be-x-old bg bh bn bo br bs ca cbk-zam cdo ce
ceb ckb co crh cs csb cv cy da de diq dv el eml en eo es et eu ext fa fi fiu-vro fo fr frr fur fy ga gan gd gl
gn gu hak he hi hr hsb hu hy ia id ig ilo io is it ja jbo jv ka kk km kn ko ksh ku ky la lb li lij lmo ln lt
lv map-bms mg mhr mi min mk ml mn mr ms mt mwl my mzn nap nds ne nl nn no nov oc or os pa pdc pl pms pnb ps pt
qu rm ro ru rw sa sah scn sco sd sh si simple sk sl so sq sr su sv sw szl ta te tg th tk tl tr tt ug uk ur uz
vec vep vi vls vo wa war wuu xmf yi yo zea zh zh-classical zh-min-nan zh-yue
"""
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
        _folders(_WIKIANN)
        | {"lzh": "zh-classical", "nan": "zh-min-nan", "yue": "zh-yue", "sgs": "bat-smg", "vro": "fiu-vro"},
    ),
    "masakhaner": _Repository("masakhane/masakhaner", _folders("amh hau ibo kin lug luo pcm swa wol yor")),
    "masakhaner2": _Repository(
        "masakhane/masakhaner2",
        _folders("bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"),
    ),
    "masakhapos": _Repository(
        "masakhane/masakhapos",
        _folders("bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul"),
    ),
    # Universal Dependencies 2.7; of several treebanks of a language a large one, with a training split where there is
    # one (am_att, bho_bhtb, th_pud, tl_trg and yo_ytb have a test split only).
    "ud": _Repository("universal-dependencies/universal_dependencies", _folders(_UD)),
    # What the Persian study took; one language, so no folder for it. `syntran_fa` has a training split only.
    "persian_food_sentiment": _Repository("asparius/Persian-Food-Sentiment", {"fa": ""}),
    "persian_ner_500k": _Repository("mansoorhamidzadeh/Persian-NER-Dataset-500k", {"fa": ""}),
    "syntran_fa": _Repository("SLPL/syntran-fa", {"fa": ""}),
    # Mayhew et al. 2024; of several treebanks of a language the one with a training split.
    "universal_ner": _Repository(
        "universalner/universal_ner",
        _folders("ceb_gja da_ddt de_pud en_ewt hr_set pt_bosque ru_pud sk_snk sr_set sv_talbanken tl_trg zh_gsd"),
    ),
}
# Unlabelled text, with a column `text`.
TEXTS = {
    "wikipedia": _Repository(
        "wikimedia/wikipedia",
        {
            code: f"20231101.{code}"
            for code in f"{_WIKIANN} bm ee ff ha kg ki lg ny om rn sn ss st ti tn ts tw xh zu".split()
        },
    )
}


def is_hub_name(name: str, known: Mapping[str, _Repository] = REPOSITORIES) -> bool:
    """Whether a corpus's (or, with `TEXTS`, a text's) name is a short name, or has the form `organisation/name`."""
    return name in known or _NAME.fullmatch(name) is not None


def download(
    name: str, language: str, known: Mapping[str, _Repository] = REPOSITORIES, at_most: int | None = None
) -> tuple[Path, list[str], str]:
    """Bring a language's files here, or find them in the Hub's cache.

    Parameters
    ----------
    name, known
        A corpus of `REPOSITORIES`, a text of `TEXTS`, or `organisation/name`.
    at_most
        So many files are brought, those of train first; None: all. Texts of large languages fill dozens of files, of
        which a language adapter reads a small part.

    Returns
    -------
    folder : Path
        The folder that holds the files of the splits.
    files : list of str
        The names of all files in it, the ones that were brought first.
    revision : str
        The commit they are from.

    Raises
    ------
    CorpusError
        When the language is unknown there, the Hub cannot be reached, or the repository holds no data files.
    """
    repository, configurations = _where(name, language, known)
    folders = [folder for code in configurations for folder in (code, f"data/{code}")]
    if name not in known:  # one of a single language may have no folder for it
        folders += ["data", "default", "plain_text", repository.partition("/")[2], ""]
    unreachable: OSError | None = None
    present: list[str] = []
    for revision in ("main", "refs/convert/parquet"):
        try:
            files = _downloaded(repository, revision) if unreachable else _listed(repository, revision)
        except OSError as error:
            unreachable, files = error, _downloaded(repository, revision)
        present += files
        folder = next((folder for folder in folders if PurePosixPath(folder) in map(_holder, files)), None)
        if folder is not None:
            own = sorted(
                (file for file in files if _holder(file) == PurePosixPath(folder)),
                key=lambda file: ("train" not in file, file),
            )
            snapshot = _snapshot(repository, revision, own[:at_most], local=unreachable is not None)
            return snapshot / folder, [str(PurePosixPath(file).relative_to(folder)) for file in own], snapshot.name
    if unreachable:
        raise CorpusError(
            f"the Hugging Face Hub cannot be reached for {repository!r} ({type(unreachable).__name__}), and the "
            f"language {language!r} was not downloaded before. {_by_hand(repository)}"
        ) from unreachable
    if languages := sorted({str(holder) for holder in map(_holder, present) if holder not in (None, PurePosixPath())}):
        raise CorpusError(
            f"corpus {name!r} ({repository}): expected a folder {' or '.join(configurations)}, "
            f"got {', '.join(languages)}"
        )
    raise CorpusError(
        f"corpus {name!r}: {repository} on the Hugging Face Hub holds no data files that can be read without running "
        f"its code (got {', '.join(present[:8]) or 'nothing'}). {_by_hand(repository)}"
    )


def _where(name: str, language: str, known: Mapping[str, _Repository]) -> tuple[str, Sequence[str]]:
    """The repository, and the names that the language's files may have there, best first."""
    if name not in known:
        return name, codes(language)
    repository, configurations = known[name]
    if own := [configurations[code] for code in codes(language) if code in configurations]:
        return repository, own[:1]
    raise misnamed(
        f"corpus {name!r}: unknown language {language!r}; expected one of {', '.join(configurations)}",
        language,
        configurations,
    )


def _listed(repository: str, revision: str) -> list[str]:
    """The names of a revision's files, as the Hub lists them; `OSError` when it cannot be reached."""
    from huggingface_hub import HfApi, errors

    try:
        # Asked first, for 10 seconds at most: a download would wait for minutes on a network that swallows packets.
        info = HfApi().dataset_info(repository, revision=revision, timeout=10.0)
        return [file.rfilename for file in info.siblings or []]
    except errors.RevisionNotFoundError:
        return []
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        raise CorpusError(
            f"the Hugging Face Hub has no repository {repository!r} that can be read from here. {_by_hand(repository)}"
        ) from error


def _downloaded(repository: str, revision: str) -> list[str]:
    """The names of a revision's files in the Hub's cache on this machine."""
    try:
        snapshot = _snapshot(repository, revision, None, local=True)
    except CorpusError:
        return []
    return [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*") if file.is_file()]


def _snapshot(repository: str, revision: str, files: list[str] | None, local: bool) -> Path:
    from huggingface_hub import snapshot_download, utils

    shown = not utils.are_progress_bars_disabled()
    utils.disable_progress_bars()  # they fill notebooks and logs
    try:
        return Path(
            snapshot_download(
                repository, repo_type="dataset", revision=revision, allow_patterns=files, local_files_only=local
            )
        )
    except (OSError, ValueError) as error:
        raise CorpusError(f"{repository} could not be downloaded: {error}. {_by_hand(repository)}") from error
    finally:
        if shown:
            utils.enable_progress_bars()


def _holder(file: str) -> PurePosixPath | None:
    """The folder to which a split's file belongs: of `as/train.parquet` and of `as/train/0000.parquet`, `as`."""
    path = PurePosixPath(file)
    if split_of(path.name):
        return path.parent
    return path.parent.parent if split_of(f"{path.parent.name}{path.suffix}") else None


def _by_hand(repository: str) -> str:
    return (
        f"By hand: download the files from https://huggingface.co/datasets/{repository} (or the corpus's own page) "
        "into a folder with train, dev and test files and give that folder as the corpus, after '@' among the sources: "
        "sw@path/to/folder."
    )
