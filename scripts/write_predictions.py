"""Writes crates/gate/src/evaluation/written/: small predictions files as pandas, polars and pyarrow write them, for the tests of `evaluation`.

Run it in an environment with the versions named in scripts/fetch_tables.sh:
    scripts/fetch_tables.sh && .peers/tables/bin/python scripts/write_predictions.py

All files named KIND-… hold the same rows: six with labels 0 1 1 0 1 0, predictions 0 1 0 0 1 1 and a score for each class. KIND
says how the classes are written (`number`, `text`, `truth`) or that there are none (`regression`); `many-…` has 300 rows in many
small pages; `refused-…` holds what is not read.
"""

import pathlib

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/gate/src/evaluation/written"
LABELS, PREDICTIONS = [0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 1, 1]
SCORES = [0.75, 0.25, 0.5, 0.875, 0.125, 0.375]
CODECS = ["snappy", "gzip", "zstd", "lz4"]
SPELLED = {"number": [0, 1], "text": ["cat", "dog"], "truth": [False, True]}


def columns(kind):
    """The columns of the six rows, with the classes of a kind."""
    classes = SPELLED[kind]
    return {
        "row": [f"r{row}" for row in range(6)],
        "label": [classes[label] for label in LABELS],
        "prediction": [classes[prediction] for prediction in PREDICTIONS],
        f"score_{classes[0]}": SCORES,
        f"score_{classes[1]}": [1 - score for score in SCORES],
    }


def by_pandas(name, frame, **options):
    frame.to_parquet(OUT / f"{name}.parquet", **options)


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    number, text, truth = (pd.DataFrame(columns(kind)) for kind in SPELLED)
    for codec in CODECS:
        by_pandas(f"number-pandas-{codec}", number, compression=codec)
        pl.DataFrame(columns("text")).write_parquet(OUT / f"text-polars-{codec}.parquet", compression=codec)
    by_pandas("number-pandas-uncompressed", number, compression=None)
    by_pandas("number-pandas-pages-v2", number, data_page_version="2.0")
    # Rows that were picked keep their numbers as an index without a name: a column `__index_level_0__`.
    by_pandas("number-pandas-index", number.loc[number.index.repeat(2)].iloc[::2])
    floats = number.assign(label=number.label.astype("float64"), prediction=number.prediction.astype("float32"))
    by_pandas("number-pandas-floats", floats)
    by_pandas("number-pandas-nullable", number.astype({"label": "Int64", "prediction": "UInt64"}))
    by_pandas("number-pandas-small", number.astype({"label": "int8", "prediction": "uint16", "score_0": "float32"}))
    by_pandas("number-pandas-dictionary", number.astype({"label": "category", "prediction": "category"}))
    by_pandas("text-pandas", text)
    by_pandas("text-pandas-category", text.astype({"label": "category", "prediction": "category"}))
    large = pa.Table.from_pandas(text)
    for name in ["row", "label", "prediction"]:
        place = large.schema.get_field_index(name)
        large = large.set_column(place, name, large[name].cast(pa.large_string()))
    pq.write_table(large, OUT / "text-pyarrow-large-string.parquet")
    by_pandas("truth-pandas", truth)
    polars = pl.DataFrame(columns("number"))
    small = {"label": pl.UInt8, "prediction": pl.Int16, "score_0": pl.Float32}
    polars.cast(small).write_parquet(OUT / "number-polars-small.parquet")
    categories = pl.DataFrame(columns("text")).cast({"label": pl.Categorical, "prediction": pl.Enum(["dog", "cat"])})
    categories.write_parquet(OUT / "text-polars-category.parquet")
    pl.DataFrame(columns("truth")).write_parquet(OUT / "truth-polars.parquet")
    whole = {"row": columns("number")["row"], "label": LABELS, "prediction": [2 * score for score in SCORES]}
    by_pandas("regression-pandas", pd.DataFrame(whole))
    pl.DataFrame(whole).write_parquet(OUT / "regression-polars.parquet")

    number.to_csv(OUT / "number-pandas.csv")
    text.to_csv(OUT / "text-pandas.csv", index=False)
    truth.to_csv(OUT / "truth-pandas.csv", index=False)
    floats.to_csv(OUT / "number-pandas-floats.csv", index=False)
    pl.DataFrame(columns("truth")).write_csv(OUT / "truth-polars.csv")

    many = pd.DataFrame({"row": [f"r{row}" for row in range(300)], "label": 1, "prediction": [row % 2 for row in range(300)]})
    for codec in CODECS:
        options = {"compression": codec, "data_page_size": 256, "write_batch_size": 32, "row_group_size": 150}
        by_pandas(f"many-pandas-{codec}", many, use_dictionary=False, **options)

    by_pandas("refused-brotli", number, compression="brotli")
    delta = {"use_dictionary": False, "column_encoding": {"row": "DELTA_BYTE_ARRAY"}}
    by_pandas("refused-delta", number, **delta)
    by_pandas("refused-gap", number.assign(label=number.label.where(number.index != 3)))
    pl.DataFrame(columns("number")).with_columns(label=pl.Series([0.0, 1.0, 1.0, float("nan"), 1.0, 0.0])).write_parquet(
        OUT / "refused-nan.parquet"
    )
    by_pandas("refused-moment", number.assign(label=pd.to_datetime(number.label)))


main()
