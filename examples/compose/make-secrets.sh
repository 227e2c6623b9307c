#!/bin/sh
# Makes secrets/, once, with the image that `docker compose build` has made. Run as root: the files belong to whom they
# are for inside the containers.
#
#   sudo ./make-secrets.sh
#
# A secret from a file is bind-mounted as it is, with the owner and mode it has here, and Latchkey takes none that
# others can read. 10001 is the user in our image, 999 `postgres` in PostgreSQL's.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir secrets

random() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }

docker run --rm --network none latchkey:local secret generate > secrets/root
random 48 > secrets/jwt-secret
random 32 > secrets/service-token
random 16 > secrets/setup-token
for role in postgres owner service; do random 24 > "secrets/$role-password"; done
for role in owner service; do
    echo "postgresql://latchkey_$role:$(cat secrets/$role-password)@postgres:5432/latchkey" > "secrets/$role-url"
done

chmod 0400 secrets/*
chown 10001 secrets/root secrets/jwt-secret secrets/service-token secrets/setup-token secrets/*-url
chown 999 secrets/*-password
chmod 0711 secrets
echo "made secrets/: keep a copy of secrets/root where the database is not"
