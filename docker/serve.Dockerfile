# A serving image on top of a slim wheel, with examples/image_classifier in it: docs/docker.md.
#
#   slimwheel build --recipe cpu --python 3.11 --platform manylinux_2_28_x86_64 torch==2.14.1
#   docker build -f docker/serve.Dockerfile -t serve .
#   docker run --rm serve
#
# Wheels come from dist/ in the build context, or from an index: --build-arg INDEX=https://.../simple/

# A Python of the version that the wheel is for.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# hadolint ignore=DL3006
FROM ${BASE} AS installed

RUN python3 -m venv /opt/serve
ARG INDEX=
ARG TORCH=torch-cpu
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_CERT
ARG PIP_CONSTRAINT
# dist/ need not be there; something has to be copied.
COPY LICENSE dist*/*.whl /dist/
# From an index that index alone is asked for torch-cpu, and for the companion that it pins: beside
# PyPI, a stranger's package of that name would do as well. All else comes from PyPI, and wheels from
# dist/ if there is no index. Bytecode is written here, once, and not at each start of a container.
RUN if [ -n "$INDEX" ]; then \
        /opt/serve/bin/pip install --no-cache-dir --no-deps --index-url "$INDEX" "$TORCH" \
        && /opt/serve/bin/pip install --no-cache-dir --no-deps --index-url "$INDEX" \
            "$(/opt/serve/bin/python3 -c 'import sys; from importlib.metadata import requires; print(*(r for r in requires(sys.argv[1]) if "+slim." in r))' "${TORCH%%[=<>!~ ]*}")"; \
    fi \
    && /opt/serve/bin/pip install --no-cache-dir --find-links /dist "$TORCH" numpy \
    && /opt/serve/bin/pip uninstall --yes --quiet pip

# hadolint ignore=DL3006
FROM ${BASE}

RUN useradd --create-home --uid 1000 serve
COPY --from=installed /opt/serve /opt/serve
COPY examples/image_classifier/serving /srv
ENV PATH=/opt/serve/bin:$PATH
USER 1000
WORKDIR /srv
CMD ["python3", "serve.py"]
