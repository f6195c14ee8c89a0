"""Reads the columns of a frame: pandas, polars, Arrow, a mapping of columns, or rows as mappings."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._errors import DataError

Chunks = tuple[tuple[str, int, int, list[memoryview | None]], ...]
Cells = list[Any] | Chunks
"""Objects, or the chunks of an Arrow array of text: layout, rows, offset, buffers."""
Native = dict[str, tuple[str, Any]]
"""By role: the name of the column in the frame, and its cells."""

REQUIRED = ("user", "query", "response")
OPTIONAL = ("id", "time", "options", "test")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names that a frame has for its columns. `id`, `time`, `options` and `test` are read where the frame has them."""

    user: str = "user"
    query: str = "query"
    response: str = "response"
    id: str = "id"
    time: str = "time"
    options: str = "options"
    test: str = "test"


def read(frame: Any, columns: Columns | Mapping[str, str] | None, *, test: bool = False) -> Native:
    """The columns of a frame by role."""
    names = columns if isinstance(columns, Columns) else Columns(**(columns or {}))
    named = set(columns) if isinstance(columns, Mapping) else set()
    source = _source(frame)
    native: Native = {}
    for role in (*REQUIRED, *(OPTIONAL if test else OPTIONAL[:-1])):
        name = str(getattr(names, role))
        if name in source.names:
            cells = source.cells(name, text=role in ("user", "query", "response", "id"))
            if isinstance(cells, list):
                cells = [_options(cell) for cell in cells] if role == "options" else _cells_of(cells)
            native[role] = (name, cells)
        elif role in REQUIRED or role in named:
            raise DataError(f"the frame has no column {name} for the {role}: columns={{'{role}': ..}} names another")
    lengths = {len(frame_cells) for _, frame_cells in native.values() if isinstance(frame_cells, list)}
    if len(lengths) > 1:
        raise DataError("the columns of the frame are of different lengths")
    if "time" in native:
        name, cells = native["time"]
        native["time"] = (name, [_seconds(cell, row, name) for row, cell in enumerate(cells)])
    return native


def frame_of(rows: list[dict[str, object]]) -> Any:
    """Rows as a pandas frame, or a polars one where pandas is not installed."""
    try:
        import pandas

        return pandas.DataFrame(rows)
    except ImportError:
        pass
    try:
        import polars

        return polars.DataFrame(rows, infer_schema_length=None)
    except ImportError:
        raise ImportError("neither pandas nor polars is installed: take the rows as dicts, or install one") from None


class _Source:
    names: Sequence[str]

    def cells(self, name: str, *, text: bool) -> Cells:
        raise NotImplementedError


class _Pandas(_Source):
    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.names = [str(name) for name in frame.columns]
        if len(set(self.names)) < len(self.names):
            raise DataError("two columns of the frame have one name")

    def cells(self, name: str, *, text: bool) -> Cells:
        # By its place: what it is called may be a number.
        series = self.frame.iloc[:, self.names.index(name)]
        # Its arrays of text have the method whether or not there is an Arrow to make.
        array = getattr(series.array, "__arrow_array__", None) if text and _has_pyarrow() else None
        if array is not None and (chunks := _arrow(array())) is not None:
            return chunks
        listed: list[Any] = series.astype(object).where(series.notna(), None).tolist()
        return listed


class _Polars(_Source):
    def __init__(self, frame: Any) -> None:
        self.frame = frame.collect() if hasattr(frame, "collect") else frame
        self.names = list(self.frame.columns)

    def cells(self, name: str, *, text: bool) -> Cells:
        series = self.frame.get_column(name)
        if text and str(series.dtype) == "String" and _has_pyarrow():
            import polars

            chunks = _arrow(series.to_arrow(compat_level=polars.CompatLevel.newest()))
            if chunks is not None:
                return chunks
        listed: list[Any] = series.to_list()
        return listed


class _ArrowTable(_Source):
    def __init__(self, table: Any) -> None:
        self.table = table
        self.names = list(table.column_names)

    def cells(self, name: str, *, text: bool) -> Cells:
        column = self.table.column(name)
        if text and (chunks := _arrow(column)) is not None:
            return chunks
        listed: list[Any] = column.to_pylist()
        return listed


class _Mapping(_Source):
    def __init__(self, columns: Mapping[str, Iterable[Any]]) -> None:
        self.columns = {str(name): cells for name, cells in columns.items()}
        self.names = list(self.columns)

    def cells(self, name: str, *, text: bool) -> Cells:
        return list(self.columns[name])


class _Rows(_Source):
    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows = list(rows)
        for place, row in enumerate(self.rows):
            if not isinstance(row, Mapping):
                raise DataError(f"row {place} is no mapping of columns to cells")
        # A column is there when a row has it; another row without it lacks the cell.
        self.keys = {str(name): name for row in self.rows for name in row}
        self.names = list(self.keys)

    def cells(self, name: str, *, text: bool) -> Cells:
        key = self.keys[name]
        return [row.get(key) for row in self.rows]


def _source(frame: Any) -> _Source:
    module = type(frame).__module__.partition(".")[0]
    if module == "pandas" and hasattr(frame, "columns"):
        return _Pandas(frame)
    if module == "polars" and type(frame).__name__ in ("DataFrame", "LazyFrame"):
        return _Polars(frame)
    if module == "pyarrow" and hasattr(frame, "column_names"):
        return _ArrowTable(frame)
    if isinstance(frame, Mapping):
        return _Mapping(frame)
    if isinstance(frame, Iterable) and not isinstance(frame, (str, bytes)):
        return _Rows(frame)
    raise DataError("the frame is none: give a pandas or polars frame, an Arrow table, columns by name, or rows as dicts")


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


_LAYOUTS = {"string": "string", "large_string": "large_string", "string_view": "string_view"}


def _arrow(array: Any) -> Chunks | None:
    """The chunks of an Arrow array of text, to be read where they are; `None` where it is no text, or a small part of large buffers."""
    layout = _LAYOUTS.get(str(array.type))
    # The buffers of a slice are those of the whole.
    if layout is None or array.get_total_buffer_size() > 2 * array.nbytes + 65_536:
        return None
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    return tuple(
        (layout, len(chunk), chunk.offset, [None if it is None else memoryview(it).cast("B") for it in chunk.buffers()])
        for chunk in chunks
        if len(chunk)
    )


_PLAIN = {str, int, bool, type(None)}
_EXACT = 2**53


def cell_of(cell: Any) -> Any:
    """A cell as Python's own object: `None` where it is missing, whatever library says so, and a whole number where a float holds one, since
    a column of whole numbers is made one of floats by a single gap."""
    if type(cell) in _PLAIN:
        return cell
    if type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if type(cell).__module__ == "numpy" and getattr(cell, "ndim", None) == 0:
        cell = _of_numpy(cell)
    if isinstance(cell, float):
        return None if cell != cell else int(cell) if cell.is_integer() and abs(cell) < _EXACT else cell
    return None if isinstance(cell, decimal.Decimal) and cell.is_nan() else cell


def _cells_of(cells: list[Any]) -> list[Any]:
    return cells if _PLAIN.issuperset(map(type, cells)) else [cell_of(cell) for cell in cells]


def _of_numpy(cell: Any) -> Any:
    if cell.dtype.kind != "M":
        return cell.item()
    # Of nanoseconds its own method makes a number.
    made = cell.astype("datetime64[us]").item()
    return made if made is None or isinstance(made, datetime.date) else cell.astype("datetime64[s]").astype("int64").item()


def _options(cell: Any) -> Any:
    """A cell of options: each as a cell is taken."""
    cell = cell_of(cell)
    if cell is None or isinstance(cell, (str, bytes)) or not isinstance(cell, Iterable):
        return cell
    return [cell_of(option) for option in cell]


def _seconds(cell: Any, row: int, column: str) -> Any:
    """A date or a time as seconds since 1970, UTC where it has no zone; numbers as they are."""
    if isinstance(cell, datetime.datetime):
        zoned = cell if cell.tzinfo else cell.replace(tzinfo=datetime.timezone.utc)
        return int(zoned.timestamp() // 1)
    if isinstance(cell, datetime.date):
        return (cell - datetime.date(1970, 1, 1)).days * 86_400
    if isinstance(cell, str):
        try:
            return _seconds(datetime.datetime.fromisoformat(cell), row, column)
        except ValueError:
            error = DataError(f"row {row}, column {column}: is no time: give whole numbers, dates or times")
            error.row, error.column = row, column
            raise error from None
    return cell
