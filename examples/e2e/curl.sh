#!/usr/bin/env bash
# The controls from any language: here from a shell. Needs curl, jq and a dev-server:
#   node_modules/.bin/latchkey dev-server --json > dev-server.json &   (in a clone: node dist/cli/main.js …)
#   ./curl.sh dev-server.json
set -euo pipefail

until [ -s "$1" ]; do sleep 0.1; done
service=$(jq -r .baseUrl "$1")
control=$(jq -r .controlUrl "$1")
token=$(jq -r .controlToken "$1")

order() { curl -sS --fail-with-body -H "Authorization: Bearer $token" "$@"; }
json=(-H 'Content-Type: application/json')

# An administrator, without a password.
order -X POST "$control/sign-in-as" "${json[@]}" -d '{"email":"ada@example.com","roles":["admin"]}' > ada.json
jq -r '"signed in: \(.user.email)"' ada.json
access=$(jq -r .headers.authorization ada.json)
refresh=$(jq '{ refreshToken: .tokens.refreshToken }' ada.json)

users() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: $access" "$service/users"; }
renew() {
  curl -s -o /dev/null -w '%header{refresh-outcome}' "${json[@]}" -d "$refresh" "$service/auth/refresh"
}

echo "the list of users: $(users)"
order -X POST "$control/clock/advance" "${json[@]}" -d '{"by":"11m"}' > /dev/null
echo "eleven minutes later: $(users)"

# The answer to the next renewal is lost. The retry gets the same token again.
order -X POST "$control/faults" "${json[@]}" -d '{"route":"POST /auth/refresh","kind":"lose-answer"}'
renew || echo "a renewal: curl's error $?, no answer"
echo "the same once more: $(renew)"

order -X POST "$control/reset"
echo "after the reset: $(users)"
rm ada.json
