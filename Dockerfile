FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_SETTINGS_MODULE=mmplatform.settings MM_VAR=/srv/var

WORKDIR /srv/mmplatform
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock

COPY . .
# Editable, since the packages are read where they lie; its metadata is what makes the components discoverable.
RUN pip install --no-build-isolation --no-deps -e . \
 && MM_SECRET_KEY=build python manage.py collectstatic --noinput -v0 \
 && useradd --system --home-dir /srv/var desk && chown -R desk /srv/var

USER desk
EXPOSE 8000
CMD ["python", "-m", "mmplatform.serve", "web", "--host", "0.0.0.0"]
