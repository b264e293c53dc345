"""Generated files: they match the schema, `check` reports what differs, and `generate` repairs it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.export import FORMATS
from tests.support.repository import (
    EXPORTS,
    GENERATED,
    REFERENCE,
    ROOT,
    SERVER_GENERATED,
    codegen,
    copy_repository,
    generated_files,
    run,
)

STALE = f"{SERVER_GENERATED}/texts.py"
DELETED = f"{GENERATED}/events.py"
STRAY = f"{GENERATED}/notes.txt"


def test_the_committed_files_are_what_the_schema_describes_on_any_machine(tmp_path: Path) -> None:
    root = copy_repository(tmp_path / "with a space" / "and" / "deeper")
    machine = {
        "PYTHONHASHSEED": "2",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
    }
    done = codegen("check", root, machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"codegen: {len(generated_files(root))} files agree with the schema\n"


def test_a_folder_without_a_schema_gets_a_message_and_exit_code_2(tmp_path: Path) -> None:
    for command in ("check", "generate"):
        done = run(["-m", "codegen", command, "--root", tmp_path], ROOT)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            f"no protocol.json in {tmp_path / 'schema'}; pass the schema's folder with --schema"
        ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--package", "--base"])
@pytest.mark.parametrize("value", ["a-b", "a.", "", "a.class"])
def test_an_option_that_is_not_a_package_is_named(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", f"{option}={value}"])
    assert f"argument {option}: {value!r} is not a package's name" in capsys.readouterr().err


@dataclass(frozen=True)
class Drift:
    """A copy whose generated files were changed, and what each command printed about it."""

    before: dict[str, bytes]
    changed: dict[str, bytes]
    after_check: dict[str, bytes]
    check: subprocess.CompletedProcess[str]
    after_generate: dict[str, bytes]
    generate: subprocess.CompletedProcess[str]
    line: str
    root: Path


@pytest.fixture(scope="module")
def drift(tmp_path_factory: pytest.TempPathFactory) -> Drift:
    root = copy_repository(tmp_path_factory.mktemp("drift") / "copy")
    before = generated_files(root)
    stale = root / STALE
    line = next(li for li in stale.read_text(encoding="utf-8").splitlines() if li.startswith("OK_PING"))
    stale.write_bytes(stale.read_bytes().replace(line.encode(), line.replace("OK", "KO").encode()))
    (root / REFERENCE).write_bytes((root / REFERENCE).read_bytes() + b"\n")
    for path in (root / EXPORTS).glob("*/*"):
        path.write_bytes(path.read_bytes() + b"\n")
    (root / DELETED).unlink()
    (root / STRAY).write_text("mine", encoding="utf-8")
    (root / GENERATED / "__pycache__").mkdir()
    (root / GENERATED / "__pycache__" / "texts.pyc").write_bytes(b"")
    changed = generated_files(root)
    check = codegen("check", root)
    after_check = generated_files(root)
    done = codegen("generate", root)
    return Drift(before, changed, after_check, check, generated_files(root), done, line, root)


def exported(drift: Drift) -> list[str]:
    """Return the files of the exports."""
    return [path for path in drift.before if path.startswith(f"{EXPORTS}/")]


def test_check_fails_when_anything_differs_and_says_what_to_do(drift: Drift) -> None:
    assert drift.check.returncode == 1
    assert drift.check.stderr == (
        f"codegen: {4 + len(exported(drift))} of {len(drift.before)} files differ from the schema; run `python -m codegen generate`\n"
    )


def test_check_shows_the_changed_line_of_a_stale_file_as_a_unified_diff(drift: Drift) -> None:
    _, _, report = drift.check.stdout.partition(f"stale: {STALE}\n")
    diff = report.splitlines()
    assert diff[:2] == [f"--- a/{STALE}", f"+++ b/{STALE}"]
    assert diff[2].startswith("@@ ")
    assert f"-{drift.line.replace('OK', 'KO')}" in diff
    assert f"+{drift.line}" in diff
    assert f"stale: {REFERENCE}\n--- a/{REFERENCE}\n+++ b/{REFERENCE}\n" in drift.check.stdout


def test_check_notices_a_change_of_each_export(drift: Drift) -> None:
    reported = [line.removeprefix("stale: ") for line in drift.check.stdout.splitlines()]
    assert {path.split("/")[2] for path in exported(drift) if path in reported} == FORMATS.keys()


def test_check_names_deleted_files_and_files_that_are_not_generated_but_no_caches(drift: Drift) -> None:
    lines = drift.check.stdout.splitlines()
    assert [line for line in lines if line.startswith("missing:")] == [f"missing: {DELETED}"]
    assert [line for line in lines if line.startswith("extra:")] == [f"extra: {STRAY}"]


def test_check_changes_nothing(drift: Drift) -> None:
    assert drift.after_check == drift.changed


def test_generate_repairs_every_difference_and_reports_each(drift: Drift) -> None:
    assert drift.generate.returncode == 0
    assert drift.after_generate == drift.before
    report = [line for line in drift.generate.stdout.splitlines() if not line.startswith("renamed: ")]
    assert sorted(report) == sorted(
        [
            f"changed: {STALE}",
            f"changed: {REFERENCE}",
            f"new: {DELETED}",
            f"removed: {STRAY}",
            *(f"changed: {path}" for path in exported(drift)),
            f"codegen: {len(drift.before)} files, {4 + len(exported(drift))} changed",
        ]
    )


def test_a_second_generate_changes_nothing(drift: Drift, capsys: pytest.CaptureFixture[str]) -> None:
    times = {path: path.stat().st_mtime_ns for path in (drift.root / GENERATED).rglob("*.py")}
    assert main(["generate", "--root", str(drift.root)]) == 0
    report = capsys.readouterr().out.splitlines()
    assert [line for line in report if not line.startswith("renamed: ")] == [
        f"codegen: {len(drift.before)} files, 0 changed"
    ]
    assert {path: path.stat().st_mtime_ns for path in times} == times
