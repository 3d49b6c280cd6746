"""Any table: what is read of it, what is worked out, what is left out and why."""

import math

import numpy as np
import pytest

from personalize import tabletext, tabular
from personalize.tabular import Derived


def table(tmp_path, text, encoding="utf-8"):
    file = tmp_path / "table.csv"
    file.write_bytes(text.encode(encoding))
    return tabletext.read(file)


def test_numbers_of_rows_and_constants_are_left_out_with_the_reason(tmp_path):
    lines = [f"{row},C{row},x,{row % 7},{row * 37 % 101},note {row}" for row in range(300)]
    read = tabular.reading(
        table(tmp_path, "row_id,client,same,visits,balance,note\n" + "\n".join(lines)), without=["balance"]
    )

    assert [one.code for one in read.columns] == ["visits"]
    assert read.left_out == {
        "row_id": "it identifies rows", "client": "hardly any of its values repeats", "same": "it never varies",
        "note": "hardly any of its values repeats",
    }  # fmt: skip


def test_a_month_and_a_day_are_a_place_in_the_year(tmp_path):
    given = table(tmp_path, "day,month\n5,may\n31,dec\n1,jan\n5,may\n31,dec\n1,jan\n")

    read = tabular.reading(given, without=[])
    x, _ = tabular.matrix(given, read.columns, read.derived)

    assert read.derived == (Derived("day_of_year", "day_of_year", ("month", "day")),)
    assert read.seasonal == {"day_of_year"}
    assert x[:3, -1].tolist() == [125, 365, 1]


@pytest.mark.parametrize("grows", [True, False])
def test_a_date_is_taken_apart_and_the_files_own_clock_is_not_its_place_in_time(tmp_path, grows):
    days = [f"2024-{1 + row // 28:02d}-{1 + row % 28:02d}" for row in range(120)]
    given = table(tmp_path, "seen\n" + "\n".join(days if grows else days[::2] + days[1::2]) + "\n")

    read = tabular.reading(given, without=[])
    x, _ = tabular.matrix(given, read.columns, read.derived)

    kinds = [one.kind for one in read.derived]
    assert kinds == (["day_of_year", "weekday"] if grows else ["day_of_year", "weekday", "days"])
    assert x[0, :2].tolist() == [1, 0]  # Monday, 1 January 2024
    assert math.isnan(
        tabular.matrix(tabletext.Table(("seen",), {"seen": ["soon"]}), read.columns, read.derived)[0][0, 0]
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('"a";"b"\n"1,5";"Zürich"\n"2,5";"Bern"\n', "utf-8"),
        ('"a";"b"\n"1,5";"Zürich"\n"2,5";"Bern"\n', "cp1252"),
        ("a\tb\n1.5\tZürich\n2.5\tBern\n", "utf-16"),
        ("a|b\n$1.5|Zürich\n2.5 %|Bern\n", "utf-8-sig"),
    ],
)
def test_cells_are_read_however_they_were_written(tmp_path, text, encoding):
    given = table(tmp_path, text, encoding)

    assert given.names == ("a", "b")
    assert [tabletext.number(cell) for cell in given.cells["a"]] == [1.5, 2.5]
    assert given.cells["b"] == ["Zürich", "Bern"]


@pytest.mark.parametrize(
    ("cells", "positive"),
    [(["0", "1"], "1"), (["1.0", "2", "2.0"], "2"), (["-1", "1"], "1"), (["No", "Yes"], "Yes"),
     (["false", "True"], "True"), ([" >50K", " <=50K", " <=50K"], ">50K")],
)  # fmt: skip
def test_success_is_what_says_so_or_else_the_rarer(cells, positive):
    y, found = tabletext.outcomes(cells)

    assert found == positive
    assert y.sum() == sum(1 for cell in cells if tabletext._plain(cell) == positive)


def test_a_data_frames_index_has_a_name(tmp_path):
    assert table(tmp_path, ",a\n0,1\n1,2\n").names == ("index", "a")


@pytest.mark.parametrize(("cell", "value"), [("1,234.5", 1234.5), ("12,5", 12.5), (" 4 ", 4.0), ("1,23,4", math.nan),
                                             ("inf", math.nan), ("x", math.nan)])  # fmt: skip
def test_a_number_is_read_as_people_write_it(cell, value):
    assert tabletext.number(cell) == pytest.approx(value, nan_ok=True)
    assert np.isnan(tabletext.number(cell)) == math.isnan(value)
