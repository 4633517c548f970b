# SPDX-License-Identifier: Apache-2.0
# usage: bash ask.bash SCRIPT < LINES: for each line what it offers at its end, blanks in between
source "$1"
while IFS= read -r line; do
    IFS=' ' read -ra COMP_WORDS <<< "$line"
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
    _gpuslice < /dev/null
    echo "${COMPREPLY[*]}"
done
