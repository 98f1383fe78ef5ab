#compdef wirelight

autoload -U is-at-least

_wirelight() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_wirelight_commands" \
"*::: :->wirelight" \
&& ret=0
    case $state in
    (wirelight)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:wirelight-command-$line[1]:"
        case $line[1] in
            (serve)
_arguments "${_arguments_options[@]}" : \
'-p+[The port to listen on; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'--port=[The port to listen on; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'-a+[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--address=[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--workers=[How many threads serve, each with its own listener; by default one for each core]:NUMBER:_default' \
'--log=[How the line for each exchange looks. With combined and json, standard output holds nothing but those lines]:FORMAT:((combined\:"The line that Apache and nginx write, for programs that read those"
json\:"One JSON object a line"
pretty\:"For people"))' \
'--index=[The file that stands for its folder]:NAME:_default' \
'*--languages=[The languages of the site, that of pages whose names say none first; by default those found in names such as page.fr.html]:LIST:_default' \
'--raw[Print the exact bytes of each request as they arrived, and of each response head as it left]' \
'(-v --verbose --raw)-q[Print nothing but errors and the address]' \
'(-v --verbose --raw)--quiet[Print nothing but errors and the address]' \
'-v[Print with each exchange what was decided, by which rule, and why]' \
'--verbose[Print with each exchange what was decided, by which rule, and why]' \
'--cors[Let pages of any origin read what is served (CORS), without credentials]' \
'--spa[Answer with index.html where no file is found, for an application that does its own routing]' \
'-o[Open the address in a browser]' \
'--open[Open the address in a browser]' \
'--no-listing[Answer 404 for a folder without an index, instead of listing it]' \
'--hidden[Serve and list names that begin with a dot, too]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::folder -- The folder to serve:_files -/' \
&& ret=0
;;
(echo)
_arguments "${_arguments_options[@]}" : \
'-p+[The port to listen on; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'--port=[The port to listen on; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'-a+[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--address=[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--workers=[How many threads serve, each with its own listener; by default one for each core]:NUMBER:_default' \
'--log=[How the line for each exchange looks. With combined and json, standard output holds nothing but those lines]:FORMAT:((combined\:"The line that Apache and nginx write, for programs that read those"
json\:"One JSON object a line"
pretty\:"For people"))' \
'--raw[Print the exact bytes of each request as they arrived, and of each response head as it left]' \
'(-v --verbose --raw)-q[Print nothing but errors and the address]' \
'(-v --verbose --raw)--quiet[Print nothing but errors and the address]' \
'-v[Print with each exchange what was decided, by which rule, and why]' \
'--verbose[Print with each exchange what was decided, by which rule, and why]' \
'--cors[Let pages of any origin read the answers (CORS), without credentials]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(raw)
_arguments "${_arguments_options[@]}" : \
'--wait=[End when nothing has come for so many seconds]:SECONDS:_default' \
'--half-close[Close our sending side when standard input ends; some servers take that for a client that went away]' \
'-q[Print no notes]' \
'--quiet[Print no notes]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':server -- The server\: a name or an address, and a port:_default' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':shell -- The shell to complete in:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::of -- The command whose page to print; without it, the page of wirelight itself:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_wirelight__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:wirelight-help-command-$line[1]:"
        case $line[1] in
            (serve)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(echo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(raw)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_wirelight_commands] )) ||
_wirelight_commands() {
    local commands; commands=(
'serve:Serve the files of a folder' \
'echo:Answer every request with what arrived\: a server to test clients with' \
'raw:Send standard input to a server byte for byte, and print what comes back' \
'completions:Print a completion script for a shell' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirelight commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__completions_commands] )) ||
_wirelight__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight completions commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__echo_commands] )) ||
_wirelight__subcmd__echo_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight echo commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help_commands] )) ||
_wirelight__subcmd__help_commands() {
    local commands; commands=(
'serve:Serve the files of a folder' \
'echo:Answer every request with what arrived\: a server to test clients with' \
'raw:Send standard input to a server byte for byte, and print what comes back' \
'completions:Print a completion script for a shell' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirelight help commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__completions_commands] )) ||
_wirelight__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help completions commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__echo_commands] )) ||
_wirelight__subcmd__help__subcmd__echo_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help echo commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__help_commands] )) ||
_wirelight__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help help commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__man_commands] )) ||
_wirelight__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help man commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__raw_commands] )) ||
_wirelight__subcmd__help__subcmd__raw_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help raw commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__serve_commands] )) ||
_wirelight__subcmd__help__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help serve commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__man_commands] )) ||
_wirelight__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight man commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__raw_commands] )) ||
_wirelight__subcmd__raw_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight raw commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__serve_commands] )) ||
_wirelight__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight serve commands' commands "$@"
}

if [ "$funcstack[1]" = "_wirelight" ]; then
    _wirelight "$@"
else
    compdef _wirelight wirelight
fi
