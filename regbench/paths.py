"""Where the YAML lies."""

from pathlib import Path


def config_dir() -> Path:
    """The folder of the YAML: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"
