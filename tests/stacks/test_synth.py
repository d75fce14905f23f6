"""Synthesis is remembered, and what it remembers is what CDK would write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import bundle
from pipeline.bundle import PLAYER_DIST_VARIABLE, ROOT
from pipeline.local import synth
from pipeline.local.synth import Assembly, SynthFailed, synthesise
from tests.stacks.conftest import small_page


@pytest.fixture
def home(assembly: Assembly) -> Path:
    """A home whose cache holds the assembly of the shared small page."""
    return assembly.template_path.parents[3]


@pytest.fixture
def same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAYER_DIST_VARIABLE, str(small_page(tmp_path / "page")))


def no_cdk(*_: object, **__: object) -> None:
    raise AssertionError("CDK was run")


def test_the_assets_are_where_the_template_expects_them(assembly: Assembly) -> None:
    text = json.dumps(assembly.template)
    assert [asset.packaging for asset in assembly.assets] == ["zip", "zip"]
    for asset in assembly.assets:
        assert asset.object_key in text
        assert asset.bucket_name_template == "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    code, page = sorted(assembly.assets, key=lambda asset: (asset.path / "index.html").exists())
    assert (code.path / "lambdas" / "start" / "handler.py").is_file()
    assert (page.path / "player" / "page.0123456789ab.js").is_file()


@pytest.mark.usefixtures("same_page")
def test_a_second_synth_runs_nothing(home: Path, assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth, "run_app", no_cdk)
    assert synthesise(home) == assembly


@pytest.mark.usefixtures("same_page")
def test_a_second_synth_imports_no_cdk_and_is_quick(home: Path, assembly: Assembly) -> None:
    code = f"""
import sys, time
from pathlib import Path
from pipeline.local.synth import synthesise
home = Path({str(home)!r})
times = []
for _ in range(5):
    begin = time.perf_counter()
    synthesise(home)
    times.append(time.perf_counter() - begin)
assert not {{"aws_cdk", "jsii", "constructs"}} & set(sys.modules)
print(min(times))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.05


def test_a_new_page_costs_no_cdk_and_gives_what_cdk_would_write(
    home: Path, assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAYER_DIST_VARIABLE, str(small_page(tmp_path / "page", script="void 'new'")))
    with monkeypatch.context() as patch:
        patch.setattr(synth, "run_app", no_cdk)
        derived = synthesise(home)
    assert derived.template != assembly.template
    synth.run_app(tmp_path / "fresh")
    fresh = synth.read(tmp_path / "fresh")
    assert derived.template_path.read_bytes() == fresh.template_path.read_bytes()
    assert {_content(asset) for asset in derived.assets} == {_content(asset) for asset in fresh.assets}


def _content(asset: synth.Asset) -> tuple[str, str, str, str]:
    files = bundle.files_of(["."], asset.path)
    return asset.object_key, asset.bucket_name_template, asset.packaging, bundle.fingerprint(files)


@pytest.mark.usefixtures("same_page")
def test_two_at_once_make_one_assembly(tmp_path: Path) -> None:
    """app.py is stood in for, so that only the cache is tried: two processes, one run, one entry."""
    code = """
import sys, time
from pathlib import Path
from pipeline.local import synth
home = Path(sys.argv[1])
def slow(out, context, validate=True):
    out.mkdir()
    time.sleep(0.3)
    (out / f"Vod{synth.TEMPLATE}").write_text('{"Resources": {}}')
    (out / f"Vod{synth.MANIFEST}").write_text('{"files": {}}')
    with (home / "runs").open("a") as runs:
        runs.write("x")
synth.run_app = slow
print(synth.synthesise(home).template_path)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "runs").read_text() == "x"
    assert len(printed) == 1


@pytest.mark.usefixtures("same_page")
def test_old_entries_and_half_made_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache" / "synth"
    for number in range(20):
        old = cache / f"old-{number:02}"
        old.mkdir(parents=True)
    (cache / "new-killed").mkdir()
    monkeypatch.setattr(synth, "run_app", _empty_assembly)
    kept = synthesise(tmp_path).template_path.parent
    assert kept.is_dir()
    assert len([path for path in cache.iterdir() if path.is_dir()]) == synth.KEPT
    assert not list(cache.glob("new-*"))


def _empty_assembly(out: Path, context: object, *, validate: bool) -> None:
    out.mkdir()
    (out / f"Vod{synth.TEMPLATE}").write_text('{"Resources": {}}')
    (out / f"Vod{synth.MANIFEST}").write_text('{"files": {}}')


def test_a_missing_page_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAYER_DIST_VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setattr(synth, "run_app", no_cdk)
    with pytest.raises(bundle.PlayerNotBuilt, match="make player"):
        synthesise(tmp_path)


def test_the_command_says_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLAYER_DIST_VARIABLE, str(tmp_path / "nowhere"))
    command = [sys.executable, "-m", "pipeline.local.synth", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("PlayerNotBuilt: no index.html")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("same_page")
def test_a_failing_app_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tmp_path / "app.py"
    app.write_text("raise SystemExit('no such thing as a stack')")
    monkeypatch.setattr(synth, "ROOT", tmp_path)
    with pytest.raises(SynthFailed, match="no such thing as a stack"):
        synth.run_app(tmp_path / "out")


def test_the_structure_hash_is_steady() -> None:
    begin = time.perf_counter()
    assert synth.structure_hash() == synth.structure_hash()
    assert time.perf_counter() - begin < 1


def test_another_environments_files_go_when_ours_are_written(tmp_path: Path) -> None:
    for moment, name in enumerate(("Vod-test", "Vod-prod")):
        for kind in (synth.TEMPLATE, synth.MANIFEST):
            (tmp_path / f"{name}{kind}").write_text("{}")
            os.utime(tmp_path / f"{name}{kind}", (moment, moment))
    synth._remove_older(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Vod-prod.assets.json", "Vod-prod.template.json"]
