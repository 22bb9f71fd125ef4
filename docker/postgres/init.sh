#!/bin/sh
# Run once by the official PostgreSQL image, when its volume is empty.
set -eu
exec psql -v ON_ERROR_STOP=1 -v owner_password="$DUECOURSE_OWNER_PASSWORD" \
  -v service_password="$DUECOURSE_SERVICE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres \
  -f /usr/local/share/duecourse/roles.sql
