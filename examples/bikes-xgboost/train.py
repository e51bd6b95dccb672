"""Trains gradient boosted trees, and reports every 50th round as a point of the learning curve."""

import json
import os
import time

import xgboost
from features import read

parameters = json.load(open(os.environ["SLIPWAY_PARAMETERS"]))
rows, inputs = read(os.environ["SLIPWAY_TRAIN"])
rounds = parameters.pop("rounds")


class Report(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, round, log):
        if (round + 1) % 50 == 0:
            event = {"event": "epoch", "epoch": round + 1, "epochs": rounds, "training_loss": log["train"]["rmse"][-1],
                     "validation_accuracy": None, "seconds": time.monotonic() - begun}
            print(json.dumps(event))
        return False


data = xgboost.DMatrix(inputs, rows[os.environ["SLIPWAY_LABEL"]])
settings = parameters | {"seed": int(os.environ["SLIPWAY_SEED"]), "nthread": int(os.environ["SLIPWAY_THREADS"])}
begun = time.monotonic()
model = xgboost.train(settings, data, rounds, evals=[(data, "train")], callbacks=[Report()], verbose_eval=False)
model.save_model(os.environ["SLIPWAY_MODEL_OUTPUT"])
