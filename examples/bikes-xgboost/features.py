"""The inputs of the model, for training and for prediction."""

import pandas as pd

LISTS = {
    "mnth": ["Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"],
    "weathersit": ["clear", "cloudy/misty", "light rain/snow", "heavy rain/snow"],
}
NUMBERS = ["season", "hr", "weekday", "holiday", "workingday", "temp", "atemp", "hum", "windspeed"]


def read(path):
    rows = pd.read_csv(path)
    places = {column: rows[column].map({name: place for place, name in enumerate(names)}) for column, names in LISTS.items()}
    return rows, rows[NUMBERS].assign(**places)
