"""Text of others in names and settings: shown as it is, never a part of the page."""

import json
import re

import pytest
from made_records import write_run
from made_report import finish

from jaxcifar import report

HOSTILE = {
    "script": "<script>alert(1)</script>", "handler": '"><img src=x onerror=alert(1)>',
    "attribute": "' onmouseover='alert(1)", "entity": "&lt;script&gt;", "comment": "--><b>x</b>",
    "link": "[x](javascript:alert(1))", "style": "</style><h1>x</h1>",
}  # fmt: skip
TAGS = re.compile(r"<\s*(script|iframe|object|embed|form|h1 [^>]*on)|\son\w+\s*=", re.IGNORECASE)


@pytest.mark.reliability("T11")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_are_text(tmp_path, kind, monkeypatch):
    text = HOSTILE[kind]
    folder = finish(write_run(tmp_path, norms=("batch",), rates=(1e-3, 2e-3)))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["study"] = text
    for entry in config["members"]:
        entry["study_id"] = text
        entry["config"]["model"]["name"] = text
        entry["overrides"] |= {"model.name": text}
    path.write_text(json.dumps(config))
    monkeypatch.setattr(report.figures, "draw_all", lambda folder: [])
    page = next(path for path in report.write(folder) if path.suffix == ".html").read_text()
    shown = re.sub(r"<(code|b|td|th|li|p|h1|title)[^>]*>", "", page)
    assert not TAGS.search(re.sub(r"&[a-z]+;|&#\d+;", "", re.sub(r">[^<]*<", "><", page)))
    assert text not in page or not set(text) & set("<>&"), "it is escaped"
    assert "alert(1)" not in text or "alert(1)" in shown, "and shown"
