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
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "get" -d 'Send a request, and show what comes back and why'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "bench" -d 'Measure how many requests a server answers, and how long each waits'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "raw" -d 'Send standard input to a server byte for byte, and print what comes back'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "capture" -d 'Show the packets below HTTP, off an interface or out of a file, and what each did to its connection'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "trust" -d 'Have this machine\'s browsers and programs trust the local authority of --tls, or no longer'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "run" -d 'Run what a config file says: sites, routes, and servers to forward to'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "reload" -d 'Have a running gateway read its config file again, or say what that would change and close'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "proxy" -d 'Forward everything that comes in to one server or several, without a config file'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "check" -d 'Say everything that is wrong with a config file'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "fmt" -d 'Write a config file as it should look'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "hash-password" -d 'Print the hash of a password, for basic-auth in a config file'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "explain" -d 'Say which site and route of a config file would take a request, and why'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "watch" -d 'Watch the exchanges of a server that runs with --inspect, live, with their reasons'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "why" -d 'Say why an exchange of a server that runs with --inspect went as it did'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "man" -d 'Print the man page'
complete -c wirelight -n "__fish_wirelight_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s p -l port -d 'The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s a -l address -d 'The address to listen on; 0.0.0.0 or :: makes it reachable from other machines' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l workers -d 'How many threads serve, each with its own listener; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l log -d 'How the line for each exchange looks. With combined and json, standard output holds nothing but those lines' -r -f -a "combined\t'The line that Apache and nginx write, for programs that read those'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l inspect -d 'Keep the newest exchanges, and show each with its bytes and its reasons on a page: at 127.0.0.1:4040, or the next port that is free, or at ADDRESS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l cert -d 'Speak HTTPS with this certificate: a chain in PEM, leaf first. Again for further names. Read again when it changes, and on HUP' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l key -d 'The key of the certificate in the same place, in PEM' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l redirect-http -d 'Listen on this port, too, and send whoever comes there in cleartext to HTTPS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l client-ca -d 'Take only clients with a certificate that one of these authorities (PEM) has signed' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l keylog -d 'Write the secrets of every session to this file, so that Wireshark can read a capture; `env` stands for the file that SSLKEYLOGFILE names. Whoever has them reads everything' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l index -d 'The file that stands for its folder' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l languages -d 'The languages of the site, that of pages whose names say none first; by default those found in names such as page.fr.html' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l raw -d 'Print the exact bytes of each request as they arrived, and of each response head as it left'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s q -l quiet -d 'Print nothing but errors and the address'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s v -l verbose -d 'Print with each exchange what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l tls -d 'Speak HTTPS, with a certificate of a local authority that is made on first use; see `wirelight trust`'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l cors -d 'Let pages of any origin read what is served (CORS), without credentials'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l spa -d 'Answer with index.html where no file is found, for an application that does its own routing'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s o -l open -d 'Open the address in a browser'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l no-listing -d 'Answer 404 for a folder without an index, instead of listing it'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -l hidden -d 'Serve and list names that begin with a dot, too'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand serve" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s p -l port -d 'The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is printed' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s a -l address -d 'The address to listen on; 0.0.0.0 or :: makes it reachable from other machines' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l workers -d 'How many threads serve, each with its own listener; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l log -d 'How the line for each exchange looks. With combined and json, standard output holds nothing but those lines' -r -f -a "combined\t'The line that Apache and nginx write, for programs that read those'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l inspect -d 'Keep the newest exchanges, and show each with its bytes and its reasons on a page: at 127.0.0.1:4040, or the next port that is free, or at ADDRESS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l cert -d 'Speak HTTPS with this certificate: a chain in PEM, leaf first. Again for further names. Read again when it changes, and on HUP' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l key -d 'The key of the certificate in the same place, in PEM' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l redirect-http -d 'Listen on this port, too, and send whoever comes there in cleartext to HTTPS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l client-ca -d 'Take only clients with a certificate that one of these authorities (PEM) has signed' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l keylog -d 'Write the secrets of every session to this file, so that Wireshark can read a capture; `env` stands for the file that SSLKEYLOGFILE names. Whoever has them reads everything' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l raw -d 'Print the exact bytes of each request as they arrived, and of each response head as it left'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s q -l quiet -d 'Print nothing but errors and the address'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s v -l verbose -d 'Print with each exchange what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l tls -d 'Speak HTTPS, with a certificate of a local authority that is made on first use; see `wirelight trust`'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -l cors -d 'Let pages of any origin read the answers (CORS), without credentials'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand echo" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s X -l request -d 'The method' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s H -l header -d 'A header field, `Name: value`; `Name:` leaves out one that would be sent, `Name;` sends it empty' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s d -l data -d 'Content, or @FILE without its line breaks, or @- for standard input; several are joined by `&`' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l data-raw -d 'Content as it is, even if it begins with @' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l data-binary -d 'Content, or @FILE byte for byte' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l data-urlencode -d 'Content with its value percent-encoded: VALUE, NAME=VALUE, @FILE or NAME@FILE' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l json -d 'Content as JSON, or @FILE; says so in Content-Type and Accept' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s F -l form-field -d 'A field of a form: name=value, name=@FILE, name=<FILE; `;type=` and `;filename=` may follow' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l form-string -d 'A field of a form, whose value is taken as it is' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s T -l upload-file -d 'Send a file with PUT; - for standard input, as it comes' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s r -l range -d 'Ask for these bytes only: FIRST-LAST, FIRST- or -LENGTH' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s A -l user-agent -d 'What User-Agent says' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s e -l referer -d 'What Referer says' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s b -l cookie -d 'Cookies to send, `name=value; ...`, or a file of cookies' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s c -l cookie-jar -d 'A file to write cookies to at the end (- for standard output); with -n, how many requests are under way at once' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l session -d 'Send the cookies, fields and credentials of the last time, and keep those of this time; a name for this host, or a path' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l session-read-only -d 'Send those of a session, and keep nothing' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s o -l output -d 'Write the content to a file' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s C -l continue-at -d 'Go on where a file that is there already ends (-), or at an offset' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s w -l write-out -d 'What to print at the end: text with %{http_code}, %{time_total}, ..., or @FILE with such a text' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l har -d 'Keep every exchange in an HTTP Archive (HAR 1.2), with credentials and cookies masked' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l max-redirs -d 'How many redirections are followed' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s x -l proxy -d 'A proxy: http://, https://, socks5:// or socks5h://; by default what the environment says' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l resolve -d 'Addresses that stand for a host and port' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l unix-socket -d 'Connect to a Unix socket' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s m -l max-time -d 'The longest that the whole may take, in seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l connect-timeout -d 'The longest that a connection may take, in seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l cacert -d 'Authorities to trust, instead of the platform\'s (PEM)' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l cert -d 'The certificate to present, chain and key in one file, or the chain with --key (PEM)' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l key -d 'The key of --cert (PEM)' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s u -l user -d 'User and password; without a password, it is asked for on the terminal' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l bearer -d 'A token to send (Authorization: Bearer)' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s n -l number -d 'Send the request so often' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l rate -d 'With -n, begin at most so many requests in a second; N/m and N/h are so many in a minute and in an hour' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l retry -d 'Try again so often after a passing failure' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l obey-limits -d 'With -n or --retry, wait whenever the server asks for a pause (Retry-After, RateLimit), at most so long each time, in seconds; 30 if no number follows' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l cache -d 'Keep responses for the next time, and use those that are kept as a private cache may (RFC 9111): in DIR, or in ~/.cache/wirelight/http, or for this run only (`memory`). --why tells what was done' -r -f -a "(__fish_complete_directories)"
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s G -l get -d 'Put the content of -d into the query, and send GET'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s f -l form -d 'Send ITEMs as a form, not as JSON'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s I -l head -d 'Ask for the head alone (HEAD), and print it'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l compressed -d 'Ask for coded content, and decode it'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s O -l remote-name -d 'Write the content to a file of the name that the URL has'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s i -l include -d 'Print the heads of all responses, too, and the trailer section'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s v -l verbose -d 'Print the exchange as it went: every layer with its time, from the name to the last byte'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l why -d 'Print what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l raw -d 'Print the bytes of each exchange as they passed, or its frames'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s s -l silent -d 'Print no progress and no error'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l har-secrets -d 'Mask nothing in --har'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l check-status -d 'Exit with 3, 4 or 5 when the status is 3xx, 4xx or 5xx'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l offline -d 'Print the request instead of sending it'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l curl -d 'Print the curl command that would do the same'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s L -l location -d 'Follow redirections'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s 4 -l ipv4 -d 'Connect over IPv4 only'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s 6 -l ipv6 -d 'Connect over IPv6 only'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s 0 -l http1.0 -d 'Speak HTTP/1.0 only'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l http1.1 -d 'Speak HTTP/1.1 only'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l http2 -d 'Offer HTTP/2 in the TLS handshake, as is done anyway'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l http2-prior-knowledge -d 'Speak HTTP/2 without asking'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s k -l insecure -d 'Take any certificate: anybody could be at the other end'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l digest -d 'Prove user and password by a digest, instead of sending them'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -l netrc -d 'Read users and passwords from ~/.netrc'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand get" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s c -l connections -d 'How many connections there are' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s s -l streams -d 'How many requests are under way on each connection of HTTP/2' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s t -l time -d 'For how long, in seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s n -l number -d 'How many requests are sent, if that is less than the time allows' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s r -l rate -d 'How many requests are due each second' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -l threads -d 'How many threads ask' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s X -l request -d 'The method; without it, GET, or POST if there is content' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s d -l data -d 'Content, or @FILE' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s H -l header -d 'A header field, `Name: value`' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s k -l insecure -d 'Take any certificate'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -l http1.1 -d 'Speak HTTP/1.1 only'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -l http2-prior-knowledge -d 'Speak HTTP/2 without asking'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -l json -d 'Print the result as JSON, and no live line'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand bench" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -l wait -d 'End when nothing has come for so many seconds, once standard input has ended' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -l half-close -d 'Close our sending side when standard input ends; some servers take that for a client that went away'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s q -l quiet -d 'Print no notes'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand raw" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s i -l interface -d 'Listen on this interface; without it, on all of them' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s p -l port -d 'Heed only packets from or to this port; may be given again. Listening, the default is 80, 443, 8080 and 8443' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s w -l write -d 'Write the packets to a pcapng file, which Wireshark opens' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -l keylog -d 'Put the secrets of this TLS key log into the written file: whoever has the file can decrypt what it holds' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -l at -d 'The inspector\'s URL, as it was printed; without it, the newest that this user runs' -r -f
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -l token -d 'The token, where the URL does not hold it' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s c -l count -d 'End after so many packets' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -l for -d 'End after so many seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -l all-ports -d 'Heed every port'
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s x -l hex -d 'Show the bytes that packets carry, in hexadecimal and as text'
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s q -l quiet -d 'Say only what became of each connection, not what each packet did'
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand capture" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand trust" -s y -l yes -d 'Do it'
complete -c wirelight -n "__fish_wirelight_using_subcommand trust" -l undo -d 'Take the trust back instead'
complete -c wirelight -n "__fish_wirelight_using_subcommand trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand trust" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -s c -l config -d 'The config file' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -l workers -d 'How many threads serve each listener; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -l inspect -d 'Keep the newest exchanges, and show each with its bytes and its reasons on a page: at 127.0.0.1:4040, or the next port that is free, or at ADDRESS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -l control -d 'The socket through which `wirelight reload` finds this process; without, a place of its own for each config' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -l grace -d 'How long streams whose route a reload changes, and connections whose listener is gone, may take to end, in seconds' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand run" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand reload" -s c -l config -d 'The config file' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand reload" -l control -d 'The socket that `wirelight run` was told with the same flag' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand reload" -l dry-run -d 'Change nothing: only say what would be'
complete -c wirelight -n "__fish_wirelight_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand reload" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -l workers -d 'How many threads serve; by default one for each core' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -l log -d 'How the line for each exchange looks' -r -f -a "combined\t'The line that Apache and nginx write, for programs that read those'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -l inspect -d 'Keep the newest exchanges, and show each with its bytes and its reasons on a page: at 127.0.0.1:4040, or the next port that is free, or at ADDRESS' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -s q -l quiet -d 'Print nothing but errors and the address'
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -s v -l verbose -d 'Print with each exchange what was decided, by which rule, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand proxy" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand check" -l config -d 'The same, as the other commands take it' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand check" -l plan -d 'Print the plan that the file comes to, with nothing left unsaid'
complete -c wirelight -n "__fish_wirelight_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand check" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand fmt" -l config -d 'The same, as the other commands take it' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand fmt" -l check -d 'Change nothing, and end with status 1 if anything would change'
complete -c wirelight -n "__fish_wirelight_using_subcommand fmt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand fmt" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand hash-password" -l user -d 'Print a line of the config for this user' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand hash-password" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand hash-password" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand explain" -s H -l header -d 'A field of the request; may be given several times' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand explain" -l client -d 'The address that the request comes from' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand explain" -s c -l config -d 'The config file' -r -F
complete -c wirelight -n "__fish_wirelight_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand explain" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand watch" -l filter -d 'Show only what this filter wants, such as `~m POST & ~c 5xx`' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand watch" -l token -d 'The token, where the URL does not hold it' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand watch" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -l filter -d 'The newest exchange that this filter wants, such as `~m POST & ~c 5xx`' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -l at -d 'The inspector\'s URL, as it was printed; without it, the newest that this user runs' -r -f
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -l token -d 'The token, where the URL does not hold it' -r
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -l json -d 'Print all that is known, as JSON'
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand why" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand completions" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirelight -n "__fish_wirelight_using_subcommand man" -s V -l version -d 'Print version'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "serve" -d 'Serve the files of a folder'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "echo" -d 'Answer every request with what arrived: a server to test clients with'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "get" -d 'Send a request, and show what comes back and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "bench" -d 'Measure how many requests a server answers, and how long each waits'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "raw" -d 'Send standard input to a server byte for byte, and print what comes back'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "capture" -d 'Show the packets below HTTP, off an interface or out of a file, and what each did to its connection'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "trust" -d 'Have this machine\'s browsers and programs trust the local authority of --tls, or no longer'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "run" -d 'Run what a config file says: sites, routes, and servers to forward to'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "reload" -d 'Have a running gateway read its config file again, or say what that would change and close'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "proxy" -d 'Forward everything that comes in to one server or several, without a config file'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "check" -d 'Say everything that is wrong with a config file'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "fmt" -d 'Write a config file as it should look'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "hash-password" -d 'Print the hash of a password, for basic-auth in a config file'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "explain" -d 'Say which site and route of a config file would take a request, and why'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "watch" -d 'Watch the exchanges of a server that runs with --inspect, live, with their reasons'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "why" -d 'Say why an exchange of a server that runs with --inspect went as it did'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "man" -d 'Print the man page'
complete -c wirelight -n "__fish_wirelight_using_subcommand help; and not __fish_seen_subcommand_from serve echo get bench raw capture trust run reload proxy check fmt hash-password explain watch why completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
