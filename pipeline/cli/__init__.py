"""`vod`: the front door. `vod run FILM...`, `vod up`, `vod demo`.

Exit status: 0 all published, 1 some failed, 2 a wrong command line, 3 some rejected, 130 interrupted. A user's mistake
is answered with one plain sentence, never with a traceback.
"""

from __future__ import annotations

from pipeline.cli.main import main

__all__ = ["main"]
