# Completion of mreg for fish. Made by `mreg completion fish`; it runs nothing that the line holds.

function __mreg_complete
    set -l found (command mreg __complete (commandline -cp | string collect) 2>/dev/null)
    if not string match -q \t'*' -- $found[1]
        printf '%s\n' $found
        return
    end
    set -l token (commandline -ct)
    set -l path (string unescape -- "$token"; or string unescape -- "$token\""; or string unescape -- "$token'")
    set -l option (string match -r -- '^--[a-z-]+=' "$path")
    set -l paths __fish_complete_path
    test "$found[1]" = \tfolders; and set paths __fish_complete_directories
    $paths (string replace -- "$option" '' "$path") | string replace -r '^' -- "$option"
end

complete -c mreg -e
complete -c mreg -f -k -a '(__mreg_complete)'
