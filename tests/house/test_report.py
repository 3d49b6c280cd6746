"""The report of decision science goes on where it was cut, and says what has not run or is old."""

from dataclasses import asdict

from tests import anchors
from tests.anchors import Job, Line, report
from tests.bench import history


def test_an_answer_is_kept_until_the_code_that_it_depends_on_changes(tmp_path):
    path = tmp_path / "history.jsonl"
    jobs = [Job(name, dict, ("tests/anchors/report.py",)) for name in ("new", "old", "gone")]
    row = {"seconds": 1.0, "found": {"lines": []}}
    history.add({**row, "name": "report: new", "source": "other"}, path=path)
    history.add({**row, "name": "report: new", "source": report.source(jobs[0])}, path=path)
    history.add({**row, "name": "report: old", "source": "other"}, path=path)

    kept = report.newest(jobs, path=path)

    assert {name: one.is_old for name, one in kept.items()} == {"new": False, "old": True}


def test_what_has_not_run_and_what_lacks_its_data_is_a_miss_and_never_left_out():
    assert {one.part for one in report.lines({}, 1.0)} == set(anchors.parts())
    assert all(one.met is False and "have not run" in one.why for one in report.lines({}, 1.0))
    gone = report.Kept({}, 1.0, "abc", missing="hillstrom_train.csv.gz")

    told = [one for one in report.lines({"hillstrom": gone}, 1.0) if one.part == "hillstrom"]

    assert [(one.met, one.why) for one in told] == [(False, "Not beside this checkout: hillstrom_train.csv.gz.")]


def test_a_line_stands_in_the_page_with_its_miss():
    line = Line("bank", "ECE", "0.0143", "<= .012", "HGB .0088", False, anchors.over(0.0143, 0.012))
    kept = report.Kept({"lines": [asdict(line)]}, 60.0, "abc")

    page = report.markdown([line], {"bank": kept})

    assert "0 of 1 aims reached; 1 jobs took 1 minutes." in page
    assert "| ✗ | ECE | 0.0143 | <= .012 | HGB .0088 | Over by 0.0023. |" in page
