"""Every bundled file has a description and a line in the list of licences."""

from importlib.resources import files

FOLDER = files("skexperts.datasets") / "data"


def test_every_file_is_described_and_licensed():
    names = [file.name for file in FOLDER.iterdir() if file.name != "LICENSES.md"]
    licences = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    stems = {name.split(".")[0] for name in names}
    assert len(stems) >= 4
    assert [stem for stem in stems if f"| `{stem}.*` |" not in licences] == []
    assert [stem for stem in stems if f"{stem}.rst" not in names] == []
