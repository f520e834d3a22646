#compdef mreg
# Completion of mreg for zsh. Made by `mreg completion zsh`; it runs nothing that the line holds.

_mreg() {
    local line value help wide=0
    local -a values helps shown
    while IFS= read -r line; do
        value=${line%%$'\t'*} help=${line#*$'\t'}
        if [[ -z $value ]]; then
            [[ $PREFIX == --*=* ]] && compset -P '*='
            if [[ $help == folders ]]; then _files -/; else _files; fi
            return
        fi
        values+=("$value") helps+=("$help")
        (( ${#value} > wide )) && wide=${#value}
    done < <(command mreg __complete "${(j: :)words[1,CURRENT-1]} $IPREFIX$QIPREFIX$PREFIX" 2>/dev/null)
    local i
    for (( i = 1; i <= $#values; i++ )); do
        shown+=("${values[i]}${helps[i]:+${(l:wide-${#values[i]}+2:: :):-}-- ${helps[i]}}")
    done
    (( $#values )) || return 1
    if [[ ${values[1]} == *= ]]; then
        compadd -S '' -V mreg -l -d shown -a values
    else
        compadd -V mreg -l -d shown -a values
    fi
}

if [[ ${funcstack[1]} == _mreg ]]; then
    _mreg "$@"
else
    compdef _mreg mreg
fi
