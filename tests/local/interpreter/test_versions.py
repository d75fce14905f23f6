"""The emulators are changed inside, so only the versions that were looked at will do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.local.emulators import WRITTEN_FOR, EmulatorVersion, check_versions


def test_the_installed_versions_are_the_ones_this_was_written_for() -> None:
    check_versions()


def test_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(EmulatorVersion) as refusal:
        check_versions({**WRITTEN_FOR, "moto": "5.9.9", "not-there-at-all": "1"})
    said = str(refusal.value)
    assert "moto is 5.2.5, needs 5.9.9" in said and "not-there-at-all is not installed" in said
    assert "pip install -r requirements-dev.txt" in said and "tests/local" in said


def test_importing_the_package_changes_nothing() -> None:
    program = (
        "import pipeline.local.emulators.stepfunctions, pipeline.local.emulators.lambdas, sys;"
        "assert 'moto' not in sys.modules and 'ministack' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
