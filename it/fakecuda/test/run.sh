#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each program given against the libraries beside OUT/obj, with a card of its own. A program says "ok NAME" for each
# test that passed and ends at the first that does not; what all of them said is added up in the last line.
set -eu
libraries=$(cd .. && pwd)
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
failed=0
for program in "$@"; do
    env -u FAKECUDA_DEVICES -u FAKECUDA_MEMORY -u FAKECUDA_GROUP -u CUDA_VISIBLE_DEVICES \
        LD_LIBRARY_PATH="$libraries" FAKECUDA_STATE="$state/$(basename "$program")" "./$program" > "$state/said" ||
        failed=$((failed + 1))
    cat "$state/said"
    cat "$state/said" >> "$state/all"
done
passed=$(grep -c '^ok ' "$state/all" || :)
# The benchmark runs through here too, and tests nothing.
[ $((passed + failed)) -eq 0 ] || echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
