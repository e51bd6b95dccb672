"""Predicts the test rows with the model in SLIPWAY_MODEL: the candidate, and then the champion."""

import os

import pandas as pd
import xgboost
from features import read

_, inputs = read(os.environ["SLIPWAY_TEST"])
model = xgboost.Booster(model_file=os.environ["SLIPWAY_MODEL"])
predictions = pd.DataFrame({"prediction": model.predict(xgboost.DMatrix(inputs))})
predictions.to_csv(os.environ["SLIPWAY_PREDICTIONS_OUTPUT"], index_label="row")
