"""The sessions that developers and CI run: `nox` for tests, lint and types, `nox -l` for all of them."""

from __future__ import annotations

import hashlib
import os
import tomllib
from itertools import chain
from pathlib import Path

import nox

ROOT = Path(__file__).parent
DISTRIBUTIONS = ("core", "plugins/optim_extra", "plugins/loggers", "plugins/hooks")
CONSTRAINTS = ("-c", "constraints.txt")
LINTED = ("core", "plugins", "tests", "examples", "benchmarks", "noxfile.py")

nox.options.sessions = ("tests", "lint", "types")
nox.options.default_venv_backend = "venv"  # only pip finds every wheel that the constraints name


def project(folder: str) -> dict:
    """Return the `[project]` table of a distribution."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def extras(folder: str) -> str:
    """Return a distribution's folder with all its extras, as pip takes it."""
    names = ",".join(project(folder).get("optional-dependencies", {}))
    return f"./{folder}[{names}]" if names else f"./{folder}"


def install_all(session: nox.Session, *more: str, constraints: tuple[str, ...] = CONSTRAINTS) -> None:
    """Install the project, editable, with its extras and what the tests need."""
    editable = [part for folder in DISTRIBUTIONS for part in ("-e", extras(folder))]
    session.install(*constraints, *editable, "-r", "requirements-test.txt", *more)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests; arguments go to pytest."""
    install_all(session)
    session.run("pytest", "-n", "2", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that the metadata admits, of everything but torch."""
    lowest = set()
    for folder in DISTRIBUTIONS:
        table = project(folder)
        lines = [*table["dependencies"], *chain(*table.get("optional-dependencies", {}).values())]
        for line in lines:
            name, _, version = line.partition(">=")
            if version and name != "torch" and not name.startswith("hookloom"):
                lowest.add(f"{name}=={version.split(',')[0]}")
            if name == "mlflow-skinny":  # the client, whose server the tests start
                lowest.add(f"mlflow=={version}")
    constraints = Path(session.create_tmp()) / "lowest.txt"
    names = {line.partition("==")[0].lower() for line in lowest}
    others = [
        line
        for line in Path("constraints.txt").read_text().splitlines()
        if line.partition("==")[0].lower() not in names
    ]
    constraints.write_text("\n".join([*others, *sorted(lowest)]) + "\n")
    install_all(session, constraints=("-c", str(constraints)))
    session.run("pytest", "-m", "not newest and not corpus", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def corpus(session: nox.Session) -> None:
    """Read and check all configs of eleven MMCV 1.x projects; HOOKLOOM_CORPUS may say where they are kept."""
    install_all(session, "setuptools")
    packages = ROOT / "tests/golden/corpus.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = hashlib.sha256(packages.read_bytes()).hexdigest()[:12]
    folder = Path(os.environ.get("HOOKLOOM_CORPUS") or cache / "hookloom" / f"corpus-{version}").resolve()
    if not folder.exists():
        archives = str(Path(session.create_tmp(), version))
        # One of them has no wheel, and tells pip its metadata only where it can import torch.
        fetch = ("pip", "download", "--no-deps", "--no-build-isolation", "--require-hashes")
        session.run("python", "-m", *fetch, "-r", str(packages), "-d", archives)
        session.run("python", "tests/support/corpus.py", archives, str(folder))
    environment = {"HOOKLOOM_CORPUS": str(folder), "OMP_NUM_THREADS": "1"}
    session.run("pytest", "-m", "corpus", "tests/corpus", *session.posargs, env=environment)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and form of all Python files."""
    session.install(*CONSTRAINTS, "ruff")
    session.run("ruff", "check", *LINTED)
    session.run("ruff", "format", "--check", *LINTED)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all packages, strictly."""
    install_all(session, "mypy", "types-PyYAML")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Check the documentation: links, examples, and a changelog fragment for the change."""
    install_all(session, "towncrier")
    session.run("pytest", "tests/packaging/test_documentation.py", *session.posargs)
    session.run("towncrier", "build", "--draft", "--version", "next")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel of every distribution, install the wheels into an empty environment and train."""
    session.install(*CONSTRAINTS, "build")
    out = Path(session.create_tmp()).resolve()
    for old in out.glob("hookloom*"):
        old.unlink()
    for folder in DISTRIBUTIONS:
        session.run("python", "-m", "build", "--outdir", str(out), folder)
    empty = out / "empty"
    session.run("python", "-m", "venv", "--clear", str(empty))
    python = str(empty / "bin" / "python")
    wheels = sorted(str(wheel) for wheel in out.glob("*.whl"))
    session.run(python, "-m", "pip", "install", "-q", *CONSTRAINTS, *wheels, "scikit-learn", external=True)
    session.run(python, "-m", "core", "plugins", "doctor", external=True)
    run = ("run", "examples/digits/smoke.py", "--work-dir", str(out / "run"))
    session.run(python, "-m", "core", *run, external=True)


@nox.session
def storm(session: nox.Session) -> None:
    """Kill training runs a hundred times, and at every operation of a save in every variant of it."""
    install_all(session)
    session.run("pytest", "tests/faults", *session.posargs, env={"OMP_NUM_THREADS": "1", "HOOKLOOM_STORM": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what an iteration, a start and a check cost, side by side with bare torch."""
    install_all(session)
    for name in ("loop_overhead", "cold_start", "config_load", "preflight", "loading", "resume", "checkpoint"):
        session.run("python", f"benchmarks/{name}.py", *session.posargs)
