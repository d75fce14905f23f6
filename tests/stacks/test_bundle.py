"""What travels to Lambda and to the player page, and its fingerprint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import bundle
from tests.stacks.conftest import small_page


def test_the_code_bundle_holds_what_handlers_import_and_nothing_else() -> None:
    names = bundle.code_files()
    assert {
        "lambdas/start/handler.py",
        "lambdas/site/handler.py",
        "pipeline/settings.py",
        "pipeline/media/keys.py",
    } <= set(names)
    assert not [name for name in names if name.startswith(("pipeline/local", "pipeline/stacks", "tests"))]
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_every_handler_can_be_imported_from_the_bundle_alone(tmp_path: Path) -> None:
    bundle.stage(bundle.code_files(), tmp_path)
    handlers = sorted(path.parent.name for path in (tmp_path / "lambdas").glob("*/handler.py"))
    code = "; ".join(f"import lambdas.{name}.handler as m; assert callable(m.handler)" for name in handlers)
    env = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_fingerprint_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    one, two = small_page(tmp_path / "one"), small_page(tmp_path / "two")
    script = two / "player" / "page.0123456789ab.js"
    script.chmod(0o755)
    os.utime(script, (0, 0))
    (two / "player" / "__pycache__").mkdir()
    (two / "player" / "__pycache__" / "page.pyc").write_text("litter")
    (two / ".DS_Store").write_text("litter")
    same = bundle.fingerprint(bundle.page_files(one))
    assert bundle.fingerprint(bundle.page_files(two)) == same
    script.write_text("void 1")
    assert bundle.fingerprint(bundle.page_files(two)) != same


def test_moving_a_byte_from_a_name_to_a_content_changes_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("bc")
    (tmp_path / "ab").write_text("c")
    assert bundle.fingerprint({"a": tmp_path / "a"}) != bundle.fingerprint({"ab": tmp_path / "ab"})


def test_an_unbuilt_page_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(bundle.PlayerNotBuilt, match="run `make player` first"):
        bundle.page_files(tmp_path)


def test_a_page_file_that_nobody_serves_is_refused(tmp_path: Path) -> None:
    page = small_page(tmp_path / "page")
    (page / "extra.js").write_text("void 0")
    with pytest.raises(bundle.StrayPlayerFile, match=r"extra\.js"):
        bundle.page_files(page)
