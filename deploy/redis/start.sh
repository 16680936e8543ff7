#!/bin/sh
# Starts the store with its password. It goes through a file of this user alone: in the arguments everybody on the
# machine could read it.
set -eu
umask 077
settings=${VALKEY_SETTINGS:-/etc/valkey/valkey.conf}
users=${VALKEY_USERS:-/etc/valkey/users.acl}
password=${VALKEY_PASSWORD_FILE:-/run/secrets/redis_password}
made=${TMPDIR:-/tmp}/valkey.conf

[ -s "$password" ] || { echo "$password is empty: call deploy/first-run.sh" >&2; exit 1; }
cat "$settings" >"$made"
if [ -s "$users" ]; then
    printf 'aclfile "%s"\n' "$users" >>"$made"
else
    printf 'requirepass "%s"\n' "$(cat "$password")" >>"$made"
fi
exec valkey-server "$made" "$@"
