# One image for every process of the service; the command says which:
#   api (the default) · python -m workers.main · python -m workers.sweeper · duecourse migrate · duecourse organization create …
# What of this file was run and what was not: docs/how-to/docker.md.

FROM python:3.11-slim-bookworm AS builder

# The environment has no pip of its own: nothing is installed into it later.
RUN python -m venv --without-pip /opt/venv
COPY requirements-bootstrap.lock /tmp/requirements-bootstrap.lock
COPY requirements.lock /tmp/requirements.lock
# Wheels only, so that no compiler is needed; each file is checked against the hashes of the lock. uv does the work,
# because it is several times faster; it stays in this stage.
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
      --require-hashes --no-deps --only-binary :all: --target /opt/uv -r /tmp/requirements-bootstrap.lock \
    && /opt/uv/bin/uv pip install --quiet --python /opt/venv/bin/python --compile-bytecode \
      --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.lock
COPY app /srv/duecourse/app
COPY workers /srv/duecourse/workers
COPY migrations /srv/duecourse/migrations
# Compiled here, because the service's account may not write there. -P: a folder where you stand is not ours.
RUN /opt/venv/bin/python -m compileall -q /srv/duecourse \
    && printf '#!/bin/sh\nexec /opt/venv/bin/python -P -m app.cli "$@"\n' > /opt/venv/bin/duecourse \
    && chmod 755 /opt/venv/bin/duecourse


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="Duecourse" \
      org.opencontainers.image.description="Accounts receivable and collections service" \
      org.opencontainers.image.licenses="Apache-2.0"

# Nothing is installed in this stage: the base image's pip goes.
RUN rm -rf /usr/local/lib/python3.11/site-packages/pip* /usr/local/lib/python3.11/site-packages/setuptools* \
      /usr/local/lib/python3.11/site-packages/wheel* /usr/local/lib/python3.11/ensurepip /usr/local/bin/pip* \
    && groupadd --gid 10001 duecourse \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin duecourse \
    && mkdir -p /var/lib/duecourse \
    && chown 10001:10001 /var/lib/duecourse \
    && chmod 700 /var/lib/duecourse

COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /srv/duecourse /srv/duecourse
COPY LICENSE NOTICE /srv/duecourse/

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/srv/duecourse \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DUECOURSE_DATA_DIR=/var/lib/duecourse

# Uploaded files. API, worker and sweeper must see the same folder.
VOLUME ["/var/lib/duecourse"]
WORKDIR /var/lib/duecourse
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=3).read()"]

CMD ["python", "-m", "uvicorn", "app.main:create_app", "--factory", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", "--no-access-log", "--timeout-graceful-shutdown", "10"]
