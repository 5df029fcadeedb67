NORM_SECONDS = 20.0


def work(run):
    return {"hello": 1}
