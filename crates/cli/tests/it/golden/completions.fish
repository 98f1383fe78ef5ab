# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wirelight_global_optspecs
    string join \n h/help V/version
end

function __fish_wirelight_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wirelight_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wirelight_using_subcommand
    set -l cmd (__fish_wirelight_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wirelight -n "__fish_wirelight_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_needs_command" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "serve" -d 'Serve the files of a folder'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "echo" -d 'Answer every request with what arrived: a server to test clients with'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "raw" -d 'Send standard input to a server byte for byte, and print what comes back'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "man" -d 'Print the man page'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s p -l port -d 'The port to listen on; 0 lets the system pick a free one, and its number is printed' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s a -l address -d 'The address to listen on; 0.0.0.0 or :: makes it reachable from other machines' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l workers -d 'How many threads serve, each with its own listener; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l log -d 'How the line for each exchange looks. With combined and json, standard output holds nothing but those lines' -r -f -a "combined\t'The line that Apache and nginx write, for programs that read those'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l index -d 'The file that stands for its folder' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l languages -d 'The languages of the site, that of pages whose names say none first; by default those found in names such as page.fr.html' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l raw -d 'Print the exact bytes of each request as they arrived, and of each response head as it left'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s q -l quiet -d 'Print nothing but errors and the address'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s v -l verbose -d 'Print with each exchange what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l cors -d 'Let pages of any origin read what is served (CORS), without credentials'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l spa -d 'Answer with index.html where no file is found, for an application that does its own routing'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s o -l open -d 'Open the address in a browser'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l no-listing -d 'Answer 404 for a folder without an index, instead of listing it'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l hidden -d 'Serve and list names that begin with a dot, too'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s p -l port -d 'The port to listen on; 0 lets the system pick a free one, and its number is printed' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s a -l address -d 'The address to listen on; 0.0.0.0 or :: makes it reachable from other machines' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l workers -d 'How many threads serve, each with its own listener; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l log -d 'How the line for each exchange looks. With combined and json, standard output holds nothing but those lines' -r -f -a "combined\t'The line that Apache and nginx write, for programs that read those'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l raw -d 'Print the exact bytes of each request as they arrived, and of each response head as it left'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s q -l quiet -d 'Print nothing but errors and the address'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s v -l verbose -d 'Print with each exchange what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l cors -d 'Let pages of any origin read the answers (CORS), without credentials'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -l wait -d 'End when nothing has come for so many seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -l half-close -d 'Close our sending side when standard input ends; some servers take that for a client that went away'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s q -l quiet -d 'Print no notes'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand completions" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand man" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "serve" -d 'Serve the files of a folder'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "echo" -d 'Answer every request with what arrived: a server to test clients with'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "raw" -d 'Send standard input to a server byte for byte, and print what comes back'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "man" -d 'Print the man page'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo raw completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
