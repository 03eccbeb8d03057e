#!/usr/bin/env bash
# How close a run comes to what the account's rate allows, in real time: the real program against the simulator.
#
# Each line tells how long the run took, what its requests take at the allowed rate, and whether any was refused. All
# runs wait most of their time, so they go side by side; that takes eight minutes. BIN is where the binaries are. With
# an argument, only the runs whose name contains it are made.
set -uo pipefail
bin=${BIN:?the folder of the release binaries}
only=${1-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME CAPACITY RATE TABLES FLAGS SIM-ARGUMENTS...: CAPACITY and RATE are what is ours, RATE per second.
measure() {
    local name=$1 capacity=$2 rate=$3 tables=$4 flags=$5 here uri begin end status=0
    shift 5
    [[ $name == *"$only"* ]] || return 0
    here=$(mktemp -d -p "$work")
    : >"$here/uri"
    "$bin/gorgias-sim" --max-body 500 --max-seconds 900 "$@" >"$here/uri" 2>"$here/sim" &
    local sim=$!
    until grep -q '^source-uri: ' "$here/uri"; do
        kill -0 "$sim" || return
        sleep 0.2
    done
    uri=$(sed -n 's/^source-uri: //p' "$here/uri")
    begin=$(date +%s.%N)
    # shellcheck disable=SC2086 # flags are several words
    env -i LD_LIBRARY_PATH="$bin" "$bin/ingestr" ingest --source-uri "$uri" --source-table "$tables" \
        --dest-uri "duckdb:///$here/x.duckdb" --progress json $flags >"$here/out" 2>"$here/err" || status=$?
    end=$(date +%s.%N)
    kill "$sim"
    wait "$sim" 2>/dev/null
    # "other client: 85 calls, 0 refused", if there was one.
    local others
    others=$(sed -n 's/^other client: .* \([0-9]*\) refused$/\1/p' "$here/sim")
    # The line at the end has what it took, of several tables in all; retries are what was refused or failed.
    cat "$here/out" "$here/err" | awk -v name="$name" -v capacity="$capacity" -v rate="$rate" -v status="$status" \
        -v others="${others:--}" -v took="$(awk "BEGIN { print $end - $begin }")" '
        function number(key,  rest) { rest = $0; return sub(".*\"" key "\":", "", rest) ? rest + 0 : 0 }
        /"event":"end"/ { requests += number("requests"); retries += number("retries") }
        END { limit = (requests - capacity) / rate
              printf "| %s | %d | %.1f | %.1f | %.3f | %d | %s | %d |\n", name, requests, limit, took, took / limit, retries, others, status }'
}

echo "| run | requests | limit for these, s | took, s | took / limit | repeated | others refused | exit code |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
few=(--tickets 30 --messages 90 --surveys 10)
many=(--customers 24000 --tickets 24000 --messages 24000 --surveys 24000)
measure "200 pages of customers, 0 s an answer" 40 2 customers "" "${few[@]}" --customers 20000 &
measure "200 pages of customers, 1 s an answer" 40 2 customers "" "${few[@]}" --customers 20000 --latency 1s &
measure "200 pages of messages, 1 s an answer" 40 2 ticket_messages "" \
    --tickets 5000 --messages 20000 --surveys 10 --customers 30 --latency 1s &
measure "200 pages of surveys, 1 s an answer" 40 2 satisfaction_surveys "" \
    --tickets 20000 --messages 20000 --surveys 20000 --customers 30 --latency 1s &
measure "four tables, 960 pages, 0.7 s an answer" 40 2 '*' "" "${many[@]}" --latency 700ms &
measure "four tables, 960 pages, 80 in 10 s, 0.7 s an answer" 80 8 '*' "" "${many[@]}" --latency 700ms --rate 80/10 &
measure "120 pages, another client takes half, 0.3 s an answer" 40 1 customers "" \
    "${few[@]}" --customers 12000 --latency 300ms --other-client 1 &
measure "120 pages, --budget 50%, 0.1 s an answer" 20 1 customers "--budget 50%" \
    "${few[@]}" --customers 12000 --latency 100ms &
wait
