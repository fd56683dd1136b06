# docker build -t log-shuttle .
# app | docker run -i --rm -e LOGS_URL log-shuttle

# SECURITY.md says how to pin this image by its digest: --build-arg PYTHON=python:3.13-slim-bookworm@sha256:...
ARG PYTHON=python:3.13-slim-bookworm
FROM ${PYTHON} AS build
RUN python -m venv /opt/log-shuttle
ENV PATH=/opt/log-shuttle/bin:$PATH
WORKDIR /src

# The dependencies first: this layer is built again only when the lock file has changed. Nothing without a hash in it is
# installed, and nothing is compiled.
COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY share ./share
COPY shuttle ./shuttle
RUN pip install --no-cache-dir --no-deps . \
    && pip uninstall --yes pip

FROM ${PYTHON}
COPY --from=build /opt/log-shuttle /opt/log-shuttle
ENV PATH=/opt/log-shuttle/bin:$PATH
# A number, so that Kubernetes' runAsNonRoot can tell what it is. Nothing is written anywhere.
USER 10001:10001
# In the exec form: no shell stands between it and the SIGTERM of docker stop.
ENTRYPOINT ["log-shuttle"]
