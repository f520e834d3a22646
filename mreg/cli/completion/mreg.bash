# shellcheck shell=bash
# Completion of mreg for bash 3.2 and newer. Made by `mreg completion bash`; it runs nothing that the line holds.

_mreg() {
    local line=${COMP_LINE:0:COMP_POINT} one
    COMPREPLY=()
    while IFS= read -r one; do
        case $one in
            # bash 3.2, which has no compopt, completes files whenever there is no candidate
            $'\t'files) type compopt &>/dev/null && compopt -o default ;;
            $'\t'folders) type compopt &>/dev/null && compopt -o default -o dirnames ;;
            *=) type compopt &>/dev/null && compopt -o nospace ;;
        esac
        [[ $one != $'\t'* ]] && COMPREPLY[${#COMPREPLY[@]}]=$one
    done < <(command mreg __complete "$line" "$COMP_WORDBREAKS" 2>/dev/null)
}

if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o nosort -F _mreg mreg
elif ((BASH_VERSINFO[0] == 4)); then
    complete -F _mreg mreg
else
    complete -o default -F _mreg mreg
fi
