"""Answers with the currency that it was given."""

import os


def main(context):
    return context.res.json({"currency": os.environ["CURRENCY"]})
