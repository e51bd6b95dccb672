"""Trains a random forest. Reads what Slipway gives a program, and writes the model and its predictions."""

import json
import os

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

parameters = json.load(open(os.environ["SLIPWAY_PARAMETERS"]))
label = os.environ["SLIPWAY_LABEL"]
train = pd.read_csv(os.environ["SLIPWAY_TRAIN"], keep_default_na=False)
test = pd.read_csv(os.environ["SLIPWAY_TEST"], keep_default_na=False)

numbers = ["age", "credit_amount", "duration"]
categories = [column for column in test.columns if column not in numbers]
forest = RandomForestClassifier(
    n_estimators=parameters["trees"],
    min_samples_leaf=parameters["min_samples_leaf"],
    random_state=int(os.environ["SLIPWAY_SEED"]),
    n_jobs=int(os.environ["SLIPWAY_THREADS"]),
)
encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), categories), remainder="passthrough")
model = make_pipeline(encode, forest).fit(train[test.columns], train[label])
print(f"{len(train)} rows, {len(test.columns)} columns, {parameters['trees']} trees")

joblib.dump(model, os.environ["SLIPWAY_MODEL_OUTPUT"])
scores = pd.DataFrame(model.predict_proba(test), columns=[f"score_{name}" for name in model.classes_])
scores.insert(0, "prediction", model.predict(test))
scores.to_csv(os.environ["SLIPWAY_PREDICTIONS_OUTPUT"], index_label="row")
