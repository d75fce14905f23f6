"""A folder that holds exactly an asset's files, for CDK to copy from."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline import bundle


def staged(files: Mapping[str, Path]) -> str:
    """CDK copies the folder into the assembly when the asset is made; at the end of synth nobody needs it."""
    folder = tempfile.mkdtemp(prefix="vod-asset-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bundle.stage(files, Path(folder))
    return folder
