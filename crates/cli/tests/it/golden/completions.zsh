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
'-p+[The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'--port=[The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'-a+[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--address=[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--workers=[How many threads serve, each with its own listener; by default one for each core]:NUMBER:_default' \
'--log=[How the line for each exchange looks. With combined and json, standard output holds nothing but those lines]:FORMAT:((combined\:"The line that Apache and nginx write, for programs that read those"
json\:"One JSON object a line"
pretty\:"For people"))' \
'--inspect=[Keep the newest exchanges, and show each with its bytes and its reasons on a page\: at 127.0.0.1\:4040, or the next port that is free, or at ADDRESS]::ADDRESS:_default' \
'*--cert=[Speak HTTPS with this certificate\: a chain in PEM, leaf first. Again for further names. Read again when it changes, and on HUP]:FILE:_files' \
'*--key=[The key of the certificate in the same place, in PEM]:FILE:_files' \
'--redirect-http=[Listen on this port, too, and send whoever comes there in cleartext to HTTPS]:PORT:_default' \
'--client-ca=[Take only clients with a certificate that one of these authorities (PEM) has signed]:FILE:_files' \
'--keylog=[Write the secrets of every session to this file, so that Wireshark can read a capture; \`env\` stands for the file that SSLKEYLOGFILE names. Whoever has them reads everything]:FILE:_files' \
'--index=[The file that stands for its folder]:NAME:_default' \
'*--languages=[The languages of the site, that of pages whose names say none first; by default those found in names such as page.fr.html]:LIST:_default' \
'--raw[Print the exact bytes of each request as they arrived, and of each response head as it left]' \
'(-v --verbose --raw)-q[Print nothing but errors and the address]' \
'(-v --verbose --raw)--quiet[Print nothing but errors and the address]' \
'-v[Print with each exchange what was decided, by which rule, and why]' \
'--verbose[Print with each exchange what was decided, by which rule, and why]' \
'--tls[Speak HTTPS, with a certificate of a local authority that is made on first use; see \`wirelight trust\`]' \
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
'-p+[The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'--port=[The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed]:PORT:_default' \
'-a+[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--address=[The address to listen on; 0.0.0.0 or \:\: makes it reachable from other machines]:ADDRESS:_default' \
'--workers=[How many threads serve, each with its own listener; by default one for each core]:NUMBER:_default' \
'--log=[How the line for each exchange looks. With combined and json, standard output holds nothing but those lines]:FORMAT:((combined\:"The line that Apache and nginx write, for programs that read those"
json\:"One JSON object a line"
pretty\:"For people"))' \
'--inspect=[Keep the newest exchanges, and show each with its bytes and its reasons on a page\: at 127.0.0.1\:4040, or the next port that is free, or at ADDRESS]::ADDRESS:_default' \
'*--cert=[Speak HTTPS with this certificate\: a chain in PEM, leaf first. Again for further names. Read again when it changes, and on HUP]:FILE:_files' \
'*--key=[The key of the certificate in the same place, in PEM]:FILE:_files' \
'--redirect-http=[Listen on this port, too, and send whoever comes there in cleartext to HTTPS]:PORT:_default' \
'--client-ca=[Take only clients with a certificate that one of these authorities (PEM) has signed]:FILE:_files' \
'--keylog=[Write the secrets of every session to this file, so that Wireshark can read a capture; \`env\` stands for the file that SSLKEYLOGFILE names. Whoever has them reads everything]:FILE:_files' \
'--raw[Print the exact bytes of each request as they arrived, and of each response head as it left]' \
'(-v --verbose --raw)-q[Print nothing but errors and the address]' \
'(-v --verbose --raw)--quiet[Print nothing but errors and the address]' \
'-v[Print with each exchange what was decided, by which rule, and why]' \
'--verbose[Print with each exchange what was decided, by which rule, and why]' \
'--tls[Speak HTTPS, with a certificate of a local authority that is made on first use; see \`wirelight trust\`]' \
'--cors[Let pages of any origin read the answers (CORS), without credentials]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(get)
_arguments "${_arguments_options[@]}" : \
'-X+[The method]:METHOD:_default' \
'--request=[The method]:METHOD:_default' \
'*-H+[A header field, \`Name\: value\`; \`Name\:\` leaves out one that would be sent, \`Name;\` sends it empty]:FIELD:_default' \
'*--header=[A header field, \`Name\: value\`; \`Name\:\` leaves out one that would be sent, \`Name;\` sends it empty]:FIELD:_default' \
'*-d+[Content, or @FILE without its line breaks, or @- for standard input; several are joined by \`&\`]:DATA:_default' \
'*--data=[Content, or @FILE without its line breaks, or @- for standard input; several are joined by \`&\`]:DATA:_default' \
'*--data-raw=[Content as it is, even if it begins with @]:DATA:_default' \
'*--data-binary=[Content, or @FILE byte for byte]:DATA:_default' \
'*--data-urlencode=[Content with its value percent-encoded\: VALUE, NAME=VALUE, @FILE or NAME@FILE]:DATA:_default' \
'(-d --data)--json=[Content as JSON, or @FILE; says so in Content-Type and Accept]:JSON:_default' \
'(-d --data --data-raw --data-binary --data-urlencode --json)*-F+[A field of a form\: name=value, name=@FILE, name=<FILE; \`;type=\` and \`;filename=\` may follow]:NAME=VALUE:_default' \
'(-d --data --data-raw --data-binary --data-urlencode --json)*--form-field=[A field of a form\: name=value, name=@FILE, name=<FILE; \`;type=\` and \`;filename=\` may follow]:NAME=VALUE:_default' \
'(-d --data --data-raw --data-binary --data-urlencode --json)*--form-string=[A field of a form, whose value is taken as it is]:NAME=VALUE:_default' \
'(-d --data --data-raw --data-binary --data-urlencode --json -F --form-field --form-string)-T+[Send a file with PUT; - for standard input, as it comes]:FILE:_files' \
'(-d --data --data-raw --data-binary --data-urlencode --json -F --form-field --form-string)--upload-file=[Send a file with PUT; - for standard input, as it comes]:FILE:_files' \
'(-C --continue-at)-r+[Ask for these bytes only\: FIRST-LAST, FIRST- or -LENGTH]:RANGE:_default' \
'(-C --continue-at)--range=[Ask for these bytes only\: FIRST-LAST, FIRST- or -LENGTH]:RANGE:_default' \
'-A+[What User-Agent says]:NAME:_default' \
'--user-agent=[What User-Agent says]:NAME:_default' \
'-e+[What Referer says]:URL:_default' \
'--referer=[What Referer says]:URL:_default' \
'-b+[Cookies to send, \`name=value; ...\`, or a file of cookies]:COOKIES:_default' \
'--cookie=[Cookies to send, \`name=value; ...\`, or a file of cookies]:COOKIES:_default' \
'-c+[A file to write cookies to at the end (- for standard output); with -n, how many requests are under way at once]:FILE|NUMBER:_default' \
'--cookie-jar=[A file to write cookies to at the end (- for standard output); with -n, how many requests are under way at once]:FILE|NUMBER:_default' \
'--session=[Send the cookies, fields and credentials of the last time, and keep those of this time; a name for this host, or a path]:NAME:_default' \
'(--session)--session-read-only=[Send those of a session, and keep nothing]:NAME:_default' \
'-o+[Write the content to a file]:FILE:_files' \
'--output=[Write the content to a file]:FILE:_files' \
'-C+[Go on where a file that is there already ends (-), or at an offset]:OFFSET:_default' \
'--continue-at=[Go on where a file that is there already ends (-), or at an offset]:OFFSET:_default' \
'-w+[What to print at the end\: text with %{http_code}, %{time_total}, ..., or @FILE with such a text]:FORMAT:_default' \
'--write-out=[What to print at the end\: text with %{http_code}, %{time_total}, ..., or @FILE with such a text]:FORMAT:_default' \
'--har=[Keep every exchange in an HTTP Archive (HAR 1.2), with credentials and cookies masked]:FILE:_files' \
'--max-redirs=[How many redirections are followed]:NUMBER:_default' \
'-x+[A proxy\: http\://, https\://, socks5\:// or socks5h\://; by default what the environment says]:URL:_default' \
'--proxy=[A proxy\: http\://, https\://, socks5\:// or socks5h\://; by default what the environment says]:URL:_default' \
'*--resolve=[Addresses that stand for a host and port]:HOST:PORT:ADDRESS[,ADDRESS]:_default' \
'--unix-socket=[Connect to a Unix socket]:PATH:_files' \
'-m+[The longest that the whole may take, in seconds]:SECONDS:_default' \
'--max-time=[The longest that the whole may take, in seconds]:SECONDS:_default' \
'--connect-timeout=[The longest that a connection may take, in seconds]:SECONDS:_default' \
'--cacert=[Authorities to trust, instead of the platform'\''s (PEM)]:FILE:_files' \
'--cert=[The certificate to present, chain and key in one file, or the chain with --key (PEM)]:FILE:_files' \
'--key=[The key of --cert (PEM)]:FILE:_files' \
'-u+[User and password; without a password, it is asked for on the terminal]:USER[:PASSWORD]:_default' \
'--user=[User and password; without a password, it is asked for on the terminal]:USER[:PASSWORD]:_default' \
'(-u --user)--bearer=[A token to send (Authorization\: Bearer)]:TOKEN:_default' \
'-n+[Send the request so often]:NUMBER:_default' \
'--number=[Send the request so often]:NUMBER:_default' \
'--rate=[With -n, begin at most so many requests in a second; N/m and N/h are so many in a minute and in an hour]:N[/UNIT]:_default' \
'--retry=[Try again so often after a passing failure]:NUMBER:_default' \
'--obey-limits=[With -n or --retry, wait whenever the server asks for a pause (Retry-After, RateLimit), at most so long each time, in seconds; 30 if no number follows]::SECONDS:_default' \
'--cache=[Keep responses for the next time, and use those that are kept as a private cache may (RFC 9111)\: in DIR, or in ~/.cache/wirelight/http, or for this run only (\`memory\`). --why tells what was done]::DIR:_files -/' \
'-G[Put the content of -d into the query, and send GET]' \
'--get[Put the content of -d into the query, and send GET]' \
'-f[Send ITEMs as a form, not as JSON]' \
'--form[Send ITEMs as a form, not as JSON]' \
'-I[Ask for the head alone (HEAD), and print it]' \
'--head[Ask for the head alone (HEAD), and print it]' \
'--compressed[Ask for coded content, and decode it]' \
'(-o --output)-O[Write the content to a file of the name that the URL has]' \
'(-o --output)--remote-name[Write the content to a file of the name that the URL has]' \
'-i[Print the heads of all responses, too, and the trailer section]' \
'--include[Print the heads of all responses, too, and the trailer section]' \
'-v[Print the exchange as it went\: every layer with its time, from the name to the last byte]' \
'--verbose[Print the exchange as it went\: every layer with its time, from the name to the last byte]' \
'--why[Print what was decided, by which rule, and why]' \
'--raw[Print the bytes of each exchange as they passed, or its frames]' \
'-s[Print no progress and no error]' \
'--silent[Print no progress and no error]' \
'--har-secrets[Mask nothing in --har]' \
'--check-status[Exit with 3, 4 or 5 when the status is 3xx, 4xx or 5xx]' \
'--offline[Print the request instead of sending it]' \
'(--offline)--curl[Print the curl command that would do the same]' \
'-L[Follow redirections]' \
'--location[Follow redirections]' \
'-4[Connect over IPv4 only]' \
'--ipv4[Connect over IPv4 only]' \
'(-4 --ipv4)-6[Connect over IPv6 only]' \
'(-4 --ipv4)--ipv6[Connect over IPv6 only]' \
'-0[Speak HTTP/1.0 only]' \
'--http1.0[Speak HTTP/1.0 only]' \
'(-0 --http1.0)--http1.1[Speak HTTP/1.1 only]' \
'(-0 --http1.0 --http1.1)--http2[Offer HTTP/2 in the TLS handshake, as is done anyway]' \
'(-0 --http1.0 --http1.1 --http2)--http2-prior-knowledge[Speak HTTP/2 without asking]' \
'-k[Take any certificate\: anybody could be at the other end]' \
'--insecure[Take any certificate\: anybody could be at the other end]' \
'--digest[Prove user and password by a digest, instead of sending them]' \
'--netrc[Read users and passwords from ~/.netrc]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::words -- \[METHOD\] URL \[ITEM...\]\: without a method, GET, or POST if content is sent:_urls' \
&& ret=0
;;
(bench)
_arguments "${_arguments_options[@]}" : \
'-c+[How many connections there are]:NUMBER:_default' \
'--connections=[How many connections there are]:NUMBER:_default' \
'-s+[How many requests are under way on each connection of HTTP/2]:NUMBER:_default' \
'--streams=[How many requests are under way on each connection of HTTP/2]:NUMBER:_default' \
'-t+[For how long, in seconds]:SECONDS:_default' \
'--time=[For how long, in seconds]:SECONDS:_default' \
'-n+[How many requests are sent, if that is less than the time allows]:NUMBER:_default' \
'--number=[How many requests are sent, if that is less than the time allows]:NUMBER:_default' \
'-r+[How many requests are due each second]:NUMBER:_default' \
'--rate=[How many requests are due each second]:NUMBER:_default' \
'--threads=[How many threads ask]:NUMBER:_default' \
'-X+[The method; without it, GET, or POST if there is content]:METHOD:_default' \
'--request=[The method; without it, GET, or POST if there is content]:METHOD:_default' \
'-d+[Content, or @FILE]:DATA:_default' \
'--data=[Content, or @FILE]:DATA:_default' \
'*-H+[A header field, \`Name\: value\`]:FIELD:_default' \
'*--header=[A header field, \`Name\: value\`]:FIELD:_default' \
'-k[Take any certificate]' \
'--insecure[Take any certificate]' \
'--http1.1[Speak HTTP/1.1 only]' \
'(--http1.1)--http2-prior-knowledge[Speak HTTP/2 without asking]' \
'--json[Print the result as JSON, and no live line]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':url -- The URL to ask for:_urls' \
&& ret=0
;;
(raw)
_arguments "${_arguments_options[@]}" : \
'--wait=[End when nothing has come for so many seconds, once standard input has ended]:SECONDS:_default' \
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
(capture)
_arguments "${_arguments_options[@]}" : \
'()-i+[Listen on this interface; without it, on all of them]:NAME:_default' \
'()--interface=[Listen on this interface; without it, on all of them]:NAME:_default' \
'*-p+[Heed only packets from or to this port; may be given again. Listening, the default is 80, 443, 8080 and 8443]:PORT:_default' \
'*--port=[Heed only packets from or to this port; may be given again. Listening, the default is 80, 443, 8080 and 8443]:PORT:_default' \
'-w+[Write the packets to a pcapng file, which Wireshark opens]:FILE:_files' \
'--write=[Write the packets to a pcapng file, which Wireshark opens]:FILE:_files' \
'--keylog=[Put the secrets of this TLS key log into the written file\: whoever has the file can decrypt what it holds]:FILE:_files' \
'--at=[The inspector'\''s URL, as it was printed; without it, the newest that this user runs]:URL:_urls' \
'--token=[The token, where the URL does not hold it]:TOKEN:_default' \
'-c+[End after so many packets]:PACKETS:_default' \
'--count=[End after so many packets]:PACKETS:_default' \
'()--for=[End after so many seconds]:SECONDS:_default' \
'(-p --port)--all-ports[Heed every port]' \
'-x[Show the bytes that packets carry, in hexadecimal and as text]' \
'--hex[Show the bytes that packets carry, in hexadecimal and as text]' \
'-q[Say only what became of each connection, not what each packet did]' \
'--quiet[Say only what became of each connection, not what each packet did]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::file -- A file of packets (pcapng or pcap) to read, instead of listening:_files' \
&& ret=0
;;
(trust)
_arguments "${_arguments_options[@]}" : \
'-y[Do it]' \
'--yes[Do it]' \
'--undo[Take the trust back instead]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
'-c+[The config file]:FILE:_files' \
'--config=[The config file]:FILE:_files' \
'--workers=[How many threads serve each listener; by default one for each core]:NUMBER:_default' \
'--inspect=[Keep the newest exchanges, and show each with its bytes and its reasons on a page\: at 127.0.0.1\:4040, or the next port that is free, or at ADDRESS]::ADDRESS:_default' \
'--control=[The socket through which \`wirelight reload\` finds this process; without, a place of its own for each config]:PATH:_files' \
'--grace=[How long streams whose route a reload changes, and connections whose listener is gone, may take to end, in seconds]:SECONDS:_default' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
'-c+[The config file]:FILE:_files' \
'--config=[The config file]:FILE:_files' \
'--control=[The socket that \`wirelight run\` was told with the same flag]:PATH:_files' \
'--dry-run[Change nothing\: only say what would be]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(proxy)
_arguments "${_arguments_options[@]}" : \
'--workers=[How many threads serve; by default one for each core]:NUMBER:_default' \
'--log=[How the line for each exchange looks]:FORMAT:((combined\:"The line that Apache and nginx write, for programs that read those"
json\:"One JSON object a line"
pretty\:"For people"))' \
'--inspect=[Keep the newest exchanges, and show each with its bytes and its reasons on a page\: at 127.0.0.1\:4040, or the next port that is free, or at ADDRESS]::ADDRESS:_default' \
'(-v --verbose)-q[Print nothing but errors and the address]' \
'(-v --verbose)--quiet[Print nothing but errors and the address]' \
'-v[Print with each exchange what was decided, by which rule, and why]' \
'--verbose[Print with each exchange what was decided, by which rule, and why]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
':address -- Where to listen\: \:8080, 127.0.0.1\:8080, or port 0 for one that is free:_default' \
'*::servers -- The servers to forward to, by URL, or unix\: and the path of a socket; several take turns:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'()--config=[The same, as the other commands take it]:FILE:_files' \
'--plan[Print the plan that the file comes to, with nothing left unsaid]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::config -- The config file:_files' \
&& ret=0
;;
(fmt)
_arguments "${_arguments_options[@]}" : \
'()--config=[The same, as the other commands take it]:FILE:_files' \
'--check[Change nothing, and end with status 1 if anything would change]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::config -- The config file:_files' \
&& ret=0
;;
(hash-password)
_arguments "${_arguments_options[@]}" : \
'--user=[Print a line of the config for this user]:NAME:_default' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'*-H+[A field of the request; may be given several times]:NAME: VALUE:_default' \
'*--header=[A field of the request; may be given several times]:NAME: VALUE:_default' \
'--client=[The address that the request comes from]:ADDRESS:_default' \
'-c+[The config file]:FILE:_files' \
'--config=[The config file]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'*::asked -- The method, if it is not GET, and the URL as a client would ask for it:_default' \
&& ret=0
;;
(watch)
_arguments "${_arguments_options[@]}" : \
'--filter=[Show only what this filter wants, such as \`~m POST & ~c 5xx\`]:FILTER:_default' \
'--token=[The token, where the URL does not hold it]:TOKEN:_default' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::url -- The inspector'\''s URL, as it was printed; without it, the newest that this user runs:_urls' \
&& ret=0
;;
(why)
_arguments "${_arguments_options[@]}" : \
'--filter=[The newest exchange that this filter wants, such as \`~m POST & ~c 5xx\`]:FILTER:_default' \
'--at=[The inspector'\''s URL, as it was printed; without it, the newest that this user runs]:URL:_urls' \
'--token=[The token, where the URL does not hold it]:TOKEN:_default' \
'--json[Print all that is known, as JSON]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
'::id -- The connection and which exchange of it, as the page and `watch` name it:_default' \
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
(get)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(bench)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(raw)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(capture)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(trust)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(proxy)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fmt)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(hash-password)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(watch)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(why)
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
'get:Send a request, and show what comes back and why' \
'bench:Measure how many requests a server answers, and how long each waits' \
'raw:Send standard input to a server byte for byte, and print what comes back' \
'capture:Show the packets below HTTP, off an interface or out of a file, and what each did to its connection' \
'trust:Have this machine'\''s browsers and programs trust the local authority of --tls, or no longer' \
'run:Run what a config file says\: sites, routes, and servers to forward to' \
'reload:Have a running gateway read its config file again, or say what that would change and close' \
'proxy:Forward everything that comes in to one server or several, without a config file' \
'check:Say everything that is wrong with a config file' \
'fmt:Write a config file as it should look' \
'hash-password:Print the hash of a password, for basic-auth in a config file' \
'explain:Say which site and route of a config file would take a request, and why' \
'watch:Watch the exchanges of a server that runs with --inspect, live, with their reasons' \
'why:Say why an exchange of a server that runs with --inspect went as it did' \
'completions:Print a completion script for a shell' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirelight commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__bench_commands] )) ||
_wirelight__subcmd__bench_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight bench commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__capture_commands] )) ||
_wirelight__subcmd__capture_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight capture commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__check_commands] )) ||
_wirelight__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight check commands' commands "$@"
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
(( $+functions[_wirelight__subcmd__explain_commands] )) ||
_wirelight__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight explain commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__fmt_commands] )) ||
_wirelight__subcmd__fmt_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight fmt commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__get_commands] )) ||
_wirelight__subcmd__get_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight get commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__hash-password_commands] )) ||
_wirelight__subcmd__hash-password_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight hash-password commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help_commands] )) ||
_wirelight__subcmd__help_commands() {
    local commands; commands=(
'serve:Serve the files of a folder' \
'echo:Answer every request with what arrived\: a server to test clients with' \
'get:Send a request, and show what comes back and why' \
'bench:Measure how many requests a server answers, and how long each waits' \
'raw:Send standard input to a server byte for byte, and print what comes back' \
'capture:Show the packets below HTTP, off an interface or out of a file, and what each did to its connection' \
'trust:Have this machine'\''s browsers and programs trust the local authority of --tls, or no longer' \
'run:Run what a config file says\: sites, routes, and servers to forward to' \
'reload:Have a running gateway read its config file again, or say what that would change and close' \
'proxy:Forward everything that comes in to one server or several, without a config file' \
'check:Say everything that is wrong with a config file' \
'fmt:Write a config file as it should look' \
'hash-password:Print the hash of a password, for basic-auth in a config file' \
'explain:Say which site and route of a config file would take a request, and why' \
'watch:Watch the exchanges of a server that runs with --inspect, live, with their reasons' \
'why:Say why an exchange of a server that runs with --inspect went as it did' \
'completions:Print a completion script for a shell' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirelight help commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__bench_commands] )) ||
_wirelight__subcmd__help__subcmd__bench_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help bench commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__capture_commands] )) ||
_wirelight__subcmd__help__subcmd__capture_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help capture commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__check_commands] )) ||
_wirelight__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help check commands' commands "$@"
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
(( $+functions[_wirelight__subcmd__help__subcmd__explain_commands] )) ||
_wirelight__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help explain commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__fmt_commands] )) ||
_wirelight__subcmd__help__subcmd__fmt_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help fmt commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__get_commands] )) ||
_wirelight__subcmd__help__subcmd__get_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help get commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__hash-password_commands] )) ||
_wirelight__subcmd__help__subcmd__hash-password_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help hash-password commands' commands "$@"
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
(( $+functions[_wirelight__subcmd__help__subcmd__proxy_commands] )) ||
_wirelight__subcmd__help__subcmd__proxy_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help proxy commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__raw_commands] )) ||
_wirelight__subcmd__help__subcmd__raw_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help raw commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__reload_commands] )) ||
_wirelight__subcmd__help__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help reload commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__run_commands] )) ||
_wirelight__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help run commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__serve_commands] )) ||
_wirelight__subcmd__help__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help serve commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__trust_commands] )) ||
_wirelight__subcmd__help__subcmd__trust_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help trust commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__watch_commands] )) ||
_wirelight__subcmd__help__subcmd__watch_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help watch commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__help__subcmd__why_commands] )) ||
_wirelight__subcmd__help__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight help why commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__man_commands] )) ||
_wirelight__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight man commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__proxy_commands] )) ||
_wirelight__subcmd__proxy_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight proxy commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__raw_commands] )) ||
_wirelight__subcmd__raw_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight raw commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__reload_commands] )) ||
_wirelight__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight reload commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__run_commands] )) ||
_wirelight__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight run commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__serve_commands] )) ||
_wirelight__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight serve commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__trust_commands] )) ||
_wirelight__subcmd__trust_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight trust commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__watch_commands] )) ||
_wirelight__subcmd__watch_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight watch commands' commands "$@"
}
(( $+functions[_wirelight__subcmd__why_commands] )) ||
_wirelight__subcmd__why_commands() {
    local commands; commands=()
    _describe -t commands 'wirelight why commands' commands "$@"
}

if [ "$funcstack[1]" = "_wirelight" ]; then
    _wirelight "$@"
else
    compdef _wirelight wirelight
fi
