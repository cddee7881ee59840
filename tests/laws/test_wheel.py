"""The wheel: built, installed elsewhere, run from another folder."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_brings_its_configs_along(tmp_path: Path) -> None:
    """Some seconds: a build, an install, a run. The new environment borrows this one's heavy packages."""
    pip = [sys.executable, "-m", "pip"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path / "dist")]
    subprocess.run([*pip, *build, str(ROOT)], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed))  # a .pth found through a .pth is not read
    (tmp_path / "elsewhere").mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(tmp_path / "venv" / "bin" / "regbench"), *words]
        return subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True)

    where = subprocess.run(
        [str(python), "-c", "import regbench; print(regbench.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(site))
    assert "dropout" in run("list", "reg").stdout
    assert run("docs", "sweeps").stdout == (ROOT / "docs" / "sweeps.md").read_text()
    assert "examples/small_mlp" in run("docs").stdout
    assert not list(site.glob("regbench/docs/**/*.png"))
    assert wheel.stat().st_size < 1_500_000  # no pictures, no data
    listed = run("train", "--info", "plugins")  # Hydra finds ours beside those of others
    assert {"KnownJobs", "JoblibLauncher", "BasicLauncher"} <= set(listed.stdout.split())
    done = run("train", "+reg=[dropout,l2]", "train.epochs=1", "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "elsewhere" / "run" / "summary.json").exists()
    compared = run("compare", "run", "--html", "page.html")
    assert compared.returncode == 0, compared.stderr
    assert "dropout+l2" in (tmp_path / "elsewhere" / "page.html").read_text()
