# The program alone, for pipelines. The project is mounted:
#   docker build -t raceday-iac .
#   docker run --rm -v "$PWD:/project" -e SHOP_API_KEY raceday-iac plan --env prod
FROM python:3.12-slim
COPY requirements-run.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r /tmp/requirements-run.lock
COPY pyproject.toml README.md LICENSE MANIFEST.in /source/
COPY raceday_iac /source/raceday_iac
RUN pip install --no-cache-dir --no-deps --no-index --no-build-isolation /source && rm -rf /source /tmp/requirements-run.lock
RUN useradd --create-home --uid 1000 runner && mkdir /project && chown runner /project
USER runner
WORKDIR /project
ENTRYPOINT ["raceday-iac"]
