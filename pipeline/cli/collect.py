"""`--output DIR`: leave what viewers get as files, playable from disk.

DIR/<asset_id>/ mirrors the asset's public tree: the pointers and the run's folder they point into. Their URIs are
relative, so that DIR/<asset_id>/index.m3u8 plays with any player that opens files.
"""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

from pipeline.cli.follow import Result
from pipeline.cli.world import World
from pipeline.media import keys


def collect(world: World, result: Result, folder: Path) -> Path:
    """Copy one published asset out of the outputs bucket; returns its folder. Paths are our ids, never user text."""
    prefix, bucket, s3 = keys.pointer_prefix(result.asset_id), world.outputs["OutputsBucket"], world.client("s3")
    run = f"v/{keys.run(result.version, 1)}/"
    target = folder / result.asset_id
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    paths = [entry["Key"].removeprefix(prefix) for page in pages for entry in page.get("Contents", [])]
    wanted = [path for path in paths if not path.startswith("v/") or path.startswith(run)]

    def copy(path: str) -> None:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, prefix + path, str(file))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(copy, wanted))
    return target
