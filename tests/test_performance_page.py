"""docs/performance.md: its picture is drawn from the figures of its table."""

import re
import shutil
from pathlib import Path

from tests.support.repository import ROOT, run

CHECK: list[str | Path] = ["benchmarks/chart.py", "--check"]


def test_the_chart_shows_every_ratio_of_the_table(tmp_path: Path) -> None:
    copy = tmp_path / "docs"
    copy.mkdir()
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(ROOT / "benchmarks/chart.py", tmp_path / "benchmarks")
    for name in ("performance.md", "performance.svg"):
        shutil.copy(ROOT / "docs" / name, copy)
    assert run(CHECK, tmp_path).stderr == ""
    page = (copy / "performance.md").read_text(encoding="utf-8")
    table = re.findall(r"^\|.*\|$", page.partition("<!-- end of bench -->")[0], re.M)
    header = [cell.strip() for cell in table[0].split("|")]
    shown = [
        number for number, title in enumerate(header) if title in {"0.4.0", "0.5.3", "websockets", "picows"}
    ]
    ratios = [row.split("|")[number] for row in table[2:] for number in shown]
    picture = (copy / "performance.svg").read_text(encoding="utf-8")
    assert (
        len(re.findall("</title></circle>", picture))
        == len([ratio for ratio in ratios if ratio.strip()])
        > 60
    )

    (copy / "performance.md").write_text(
        re.sub(r"\| \d+\.\d\d \(", "| 1.23 (", page, count=1), encoding="utf-8"
    )
    changed = run(CHECK, tmp_path)
    assert (changed.returncode, changed.stderr) == (
        1,
        "docs/performance.svg is not made of the table in docs/performance.md; run: python benchmarks/chart.py\n",
    )
