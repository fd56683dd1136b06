# docker build -t log-shuttle .
# app | docker run -i --rm -e LOGS_URL log-shuttle

FROM python:3.13-slim AS build
RUN python -m venv /opt/log-shuttle
ENV PATH=/opt/log-shuttle/bin:$PATH
WORKDIR /src

# The dependencies first: this layer is built again only when pyproject.toml has changed.
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && pip install --no-cache-dir --requirement requirements.txt

COPY README.md LICENSE ./
COPY shuttle ./shuttle
RUN pip install --no-cache-dir --no-deps . \
    && pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /opt/log-shuttle /opt/log-shuttle
ENV PATH=/opt/log-shuttle/bin:$PATH
# A number, so that Kubernetes' runAsNonRoot can tell what it is. Nothing is written anywhere.
USER 10001:10001
# In the exec form: no shell stands between it and the SIGTERM of docker stop.
ENTRYPOINT ["log-shuttle"]
