"""JSON: all that is known of the comparisons."""

import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path

from forkcost.compare import phrases

ARTIFACT = "compare.json"


def document(comparisons, strict=False):
    made = [_plain(c) | {"regression": c.exit_status(strict) == 1, "statement": phrases.statement(c)}
            for c in comparisons]
    return json.dumps({"comparisons": made}, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value):
    """Of dataclasses, tuples and paths what JSON has. A family names its rows, which are listed."""
    if is_dataclass(value):
        made = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        if "points" in made:
            made["rows"] = [phrases.legal(row.case) for row in value.rows]
        return made
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {phrases.legal(k): _plain(v) for k, v in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return phrases.legal(value) if isinstance(value, (str, Path)) else value
