"""Where the YAML lies, and the documentation."""

from pathlib import Path


def config_dir() -> Path:
    """The folder of the YAML: inside the installed package, or beside it in a checkout."""
    return _brought("configs")


def docs_dir() -> Path:
    """The folder of the documentation's pages, likewise."""
    return _brought("docs")


def _brought(name: str) -> Path:
    package = Path(__file__).parent.parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
