"""Reading the published predictions beside the project, sharing no code with what is tested."""

from pathlib import Path


def tags_of(path: Path) -> list[list[str]]:
    """The last column of each sentence."""
    blocks = path.read_text(encoding="utf-8").replace("\r", "").split("\n\n")
    sentences = [[line.split(" ")[-1] for line in block.split("\n") if line.strip()] for block in blocks]
    return [tags for tags in sentences if tags]
