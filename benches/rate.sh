#!/usr/bin/env bash
# How close a run comes to what the account's rate allows, in real time: the real program against the simulator.
#
# Each line tells how long the run took, what its requests take at the allowed rate, and whether any was refused. All
# runs wait most of their time, so they go side by side; that takes a good two minutes. BIN is where the binaries are.
set -uo pipefail
bin=${BIN:?the folder of the release binaries}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME CAPACITY RATE TABLE FLAGS SIM-ARGUMENTS...: CAPACITY and RATE are what is ours, RATE per second.
measure() {
    local name=$1 capacity=$2 rate=$3 table=$4 flags=$5 here uri begin end
    shift 5
    here=$work/${name//[^a-z0-9]/-}
    mkdir "$here"
    "$bin/gorgias-sim" --max-body 500 --max-seconds 900 "$@" >"$here/uri" 2>/dev/null &
    local sim=$!
    until [[ -s $here/uri ]]; do sleep 0.2; done
    uri=$(sed -n 's/^source-uri: //p' "$here/uri")
    begin=$(date +%s.%N)
    # shellcheck disable=SC2086 # flags are several words
    env -i LD_LIBRARY_PATH="$bin" "$bin/ingestr" ingest --source-uri "$uri" --source-table "$table" \
        --dest-uri "duckdb:///$here/x.duckdb" --progress json $flags >"$here/out" 2>"$here/err"
    end=$(date +%s.%N)
    kill "$sim"
    awk -v name="$name" -v capacity="$capacity" -v rate="$rate" -v took="$(awk "BEGIN { print $end - $begin }")" '
        { requests = $0; sub(/.*"requests":/, "", requests); requests += 0
          retries = $0; sub(/.*"retries":/, "", retries); retries += 0
          outcome = $0; sub(/.*"outcome":"/, "", outcome); sub(/".*/, "", outcome) }
        END { limit = (requests - capacity) / rate
              printf "| %s | %d | %.1f | %.1f | %.3f | %d | %s |\n", name, requests, limit, took, took / limit, retries, outcome }
    ' <(tail -1 "$here/out")
}

echo "| run | requests | limit s | took s | took / limit | repeated | outcome |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
few=(--tickets 30 --messages 90 --surveys 10)
measure "200 pages of customers, 0 s an answer" 40 2 customers "" "${few[@]}" --customers 20000 &
measure "200 pages of customers, 1 s an answer" 40 2 customers "" "${few[@]}" --customers 20000 --latency 1s &
measure "200 pages of surveys, 1 s an answer" 40 2 satisfaction_surveys "" \
    --tickets 20000 --messages 20000 --surveys 20000 --customers 30 --latency 1s &
measure "400 pages, 80 in 10 s, 0.3 s an answer" 80 8 customers "" \
    "${few[@]}" --customers 40000 --latency 300ms --rate 80/10 &
measure "120 pages, another client takes half, 0.3 s an answer" 40 1 customers "" \
    "${few[@]}" --customers 12000 --latency 300ms --other-client 1 &
measure "120 pages, --budget 50%, 0.1 s an answer" 20 1 customers "--budget 50%" \
    "${few[@]}" --customers 12000 --latency 100ms &
wait
