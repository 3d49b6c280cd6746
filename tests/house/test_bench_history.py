"""A benchmark that got slower says so, and one that was cut short costs nothing."""

from tests.bench import history

AT = {"at": 1, "scale": 1.0, "cores": 2}


def test_a_line_is_kept_for_each_run_and_a_slow_down_is_told(tmp_path):
    path = tmp_path / "history.jsonl"
    fast, slow = {"name": "pick", "ratio": 120.0, "met": True, "table": "…"}, {"name": "pick", "ratio": 80.0}
    late = {"name": "decide_batch", "ratio": 2.6}

    assert [history.kept([fast], **AT, path=path) for _ in range(3)] == [[], [], []]
    for _ in range(2):
        assert history.kept([{"name": "decide_batch", "ratio": 1.7}], **AT, path=path) == []
    assert history.kept([slow, late], **AT, path=path) == [
        "pick: ratio 80, 1.50 times worse than the usual 120",
        "decide_batch: ratio 2.6, 1.53 times worse than the usual 1.7",
    ]  # fmt: skip
    assert history.kept([slow], **{**AT, "scale": 0.1}, path=path) == []
    assert len(history.read(path)) == 8
    with path.open("a") as lines:
        lines.write('{"name": "pi')
    assert len(history.read(path)) == 8
    assert history.kept([{"name": "send", "error": "no server"}], **AT, path=path) == []
