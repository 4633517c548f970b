# SPDX-License-Identifier: Apache-2.0
# usage: zsh -f ask.zsh SCRIPT < LINES: for each line what it is when Tab has been pressed at its end
zmodload zsh/zpty
answer=$(mktemp)
zpty -b shell zsh -f -i
# Ctrl-X o: says what has been typed, and begins anew.
zpty -w shell "PS1=; autoload -U compinit && compinit -u -d $answer.dump; source $1
    say() { print -r -- \"\$BUFFER\" > $answer; BUFFER= }; zle -N say; bindkey '^Xo' say; print re''ady"
said=
until [[ $said == *ready* ]]; do
    zpty -r -t shell more && said+=$more || sleep 0.02
done
while IFS= read -r line; do
    : > $answer
    zpty -w -n shell "$line"$'\t\C-xo'
    until [[ -s $answer ]]; do
        zpty -r -t shell more || sleep 0.02
    done
    cat $answer
done
zpty -d shell
rm -f $answer $answer.dump
