# SPDX-License-Identifier: Apache-2.0
# usage: fish ask.fish SCRIPT < LINES: for each line what it offers at its end, blanks in between
source $argv[1]
while read line
    echo (complete --do-complete="$line" | string replace -r '\t.*' '')
end
