#!/bin/bash
# Run once, by the image of PostgreSQL, when its volume is empty: the two roles and the database.
set -euo pipefail
psql -X -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    -v owner_password="$(cat /run/secrets/owner-password)" \
    -v service_password="$(cat /run/secrets/service-password)" <<'SQL'
CREATE ROLE latchkey_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE latchkey_service LOGIN PASSWORD :'service_password';
CREATE DATABASE latchkey OWNER latchkey_owner;
REVOKE ALL ON DATABASE latchkey FROM PUBLIC;
GRANT CONNECT ON DATABASE latchkey TO latchkey_service;
SQL
