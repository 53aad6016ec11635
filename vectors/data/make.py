"""Writes the files of this folder with NumPy and PyArrow: what other programs write, we must read.

Run from the repository's root: python3 vectors/data/make.py (NumPy 2.4, PyArrow 26).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent

# Three clinics, two features, labels that sort differently as text and as numbers.
ROWS = [
    ("north", 34.5, 1, "10"),
    ("south", -2.25, 0, "9"),
    ("north", 0.0, 3, "10"),
    ("east", 1e-3, 7, "9"),
    ("south", 12.0, -4, "2"),
]
clinic, age, visits, label = zip(*ROWS)

with open(HERE / "clinics.csv", "w", newline="") as out:
    out.write("clinic,age,visits,label\r\n")
    for row in ROWS:
        out.write(",".join(map(str, row)) + "\r\n")

table = pa.table(
    {
        "clinic": pa.array(clinic),
        "age": pa.array(age, pa.float64()),
        "visits": pa.array(visits, pa.int32()),
        "label": pa.array(label),
    }
)
for codec in ("snappy", "none", "zstd"):
    pq.write_table(table, HERE / f"clinics-{codec}.parquet", compression=codec)
nulls = table.set_column(1, "age", pa.array([1.0, None, 3.0, 4.0, 5.0]))
pq.write_table(nulls, HERE / "bad-null.parquet")
lists = table.set_column(1, "age", pa.array([[1.0], [2.0, 3.0], [], [4.0], [5.0]]))
pq.write_table(lists, HERE / "bad-list.parquet")
nested = table.set_column(1, "age", pa.array([{"years": value} for value in age]))
pq.write_table(nested, HERE / "bad-nested.parquet")

x = np.arange(4 * 2 * 3, dtype=np.float32).reshape(4, 2, 3) / 8
y = np.array([0, 2, 1, 2])
np.savez(HERE / "pictures.npz", x=x, y=y, owner=np.array([7, 7, 30, 7], dtype=np.int16))
np.savez_compressed(HERE / "fortran.npz", x=np.asfortranarray(x), y=y[:, None])
np.savez(
    HERE / "split.npz",
    x_train=np.array([[0, 51], [255, 102]], dtype=np.uint8),
    y_train=np.array([0, 1], dtype=np.uint8),
    x_test=np.array([[153, 204]], dtype=np.uint8),
    y_test=np.array([1], dtype=np.uint8),
)
np.savez(HERE / "big-endian.npz", x=x.astype(">f8"), y=y.astype(">i8"))
np.savez(HERE / "bad-complex.npz", x=x.astype(np.complex64), y=y)
np.savez(HERE / "bad-pickled.npz", x=np.array([{}, {}], dtype=object), y=y[:2])
np.savez(HERE / "bad-nan.npz", x=np.where(x == 1.5, np.nan, x), y=y)
np.savez(HERE / "bad-labels.npz", x=x, y=y + 0.5)
np.savez(HERE / "bad-counts.npz", x=x, y=y[:3])
np.savez(HERE / "bad-missing.npz", x=x)
