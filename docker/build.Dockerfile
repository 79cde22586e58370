# An image in which wheels are built the same way anywhere: docs/docker.md.
#
#   docker build -f docker/build.Dockerfile -t slimwheel .
#   docker run --rm -v "$PWD/dist:/work/dist" slimwheel build --recipe cpu torch==2.14.1

# Any Debian or Ubuntu with Python 3.11 or newer as python3, and its venv. By digest, for a tag is
# another image tomorrow.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# hadolint ignore=DL3006
FROM ${BASE} AS installed

WORKDIR /src
RUN python3 -m venv /opt/slimwheel
# pip's configuration comes from build arguments alone: PIP_INDEX_URL, PIP_CERT and the like.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_CERT
ARG PIP_CONSTRAINT
ARG EXTRAS=s3
COPY . .
RUN /opt/slimwheel/bin/pip install --no-cache-dir --no-compile ".[${EXTRAS}]"

# hadolint ignore=DL3006
FROM ${BASE}

RUN useradd --create-home --uid 1000 slimwheel \
    && mkdir -p /work/dist /var/cache/slimwheel \
    && chown -R slimwheel:slimwheel /work /var/cache/slimwheel \
    # For who runs it as another user, so that results are theirs.
    && chmod 1777 /work /work/dist /var/cache/slimwheel
COPY --from=installed /opt/slimwheel /opt/slimwheel
ENV PATH=/opt/slimwheel/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SLIMWHEEL_CACHE_DIR=/var/cache/slimwheel
# By number, so that orchestrators can tell that it is not root.
USER 1000
# Mount over these: /work/dist for what is built, /var/cache/slimwheel for what is fetched.
WORKDIR /work
ENTRYPOINT ["slimwheel"]
CMD ["--help"]
