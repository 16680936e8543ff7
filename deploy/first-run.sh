#!/bin/sh
# Makes ./secrets and corral.env for docker-compose.yml. Safe to repeat: what is there stays as it is.
set -eu
cd "$(dirname "$0")/.."

# Containers read these files as users of their own, so the files are readable; who may come to them, the folder decides.
mkdir -p secrets
chmod 700 secrets
umask 022
chmod -R a+rX deploy # a strict umask at the checkout would keep these from the containers, too

drawn() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# Written aside and moved: a half-written password would be kept by the next call.
put() { [ -e "secrets/$1" ] || { printf '%s' "$2" >"secrets/.$1.new" && chmod 644 "secrets/.$1.new" && mv "secrets/.$1.new" "secrets/$1"; }; }

put redis_password "$(drawn)"
put redis_url "redis://:$(cat secrets/redis_password)@redis:6379/0"
put grafana_password "$(drawn)"
for name in slack_bot_token slack_app_token slack_signing_secret discord_token model_token; do
    put "$name" ""
done
[ -e corral.env ] || cp .env.example corral.env

cat <<'TEXT'
./secrets and corral.env are there. Put your tokens into:
  Slack:    secrets/slack_bot_token (xoxb-...) and secrets/slack_app_token (xapp-...)
  Discord:  secrets/discord_token
Whoever can read ./secrets can act as your bot: keep it out of backups that others read.
Then: docker compose --profile 34b up -d      (7b, 13b, 34b, 34b-2gpu or cpu)
TEXT
