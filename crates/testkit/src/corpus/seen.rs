//! What a client saw, taken apart with as little opinion as possible.

use std::time::Duration;

use memchr::memmem;

/// One response, as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The fields, their names in lower case.
    pub fields: Vec<(String, String)>,
    /// The content, as far as it came.
    pub content: Vec<u8>,
    /// Whether it is whole.
    pub complete: bool,
}

impl Answer {
    /// The values of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What a client saw of a connection.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Everything that came.
    pub data: Vec<u8>,
    /// Whether the server ended the connection.
    pub closed: bool,
    /// The final responses.
    pub answers: Vec<Answer>,
    /// The interim responses.
    pub interim: Vec<Answer>,
    /// What stands where a response should.
    pub garbage: Vec<u8>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Seen {
    /// Takes apart what came; `heads` says which responses answer HEAD.
    pub fn new(data: Vec<u8>, heads: &[usize], closed: bool, elapsed: Duration) -> Self {
        let mut seen = Self { closed, elapsed, ..Self::default() };
        let mut rest = &data[..];
        while !rest.is_empty() {
            let Some((mut answer, after)) = head(rest) else {
                seen.garbage = rest.to_vec();
                break;
            };
            let Some(after) = after else {
                seen.answers.push(answer);
                break;
            };
            if answer.status == 101 {
                answer.content = after.to_vec();
                answer.complete = true;
                seen.interim.push(answer.clone());
                seen.answers.push(answer);
                break;
            }
            if answer.status < 200 {
                answer.complete = true;
                seen.interim.push(answer);
                rest = after;
                continue;
            }
            let is_head = heads.contains(&seen.answers.len());
            rest = content(&mut answer, after, is_head, closed);
            seen.answers.push(answer);
        }
        seen.data = data;
        seen
    }

    /// What was seen, in a few words.
    pub fn brief(&self) -> String {
        let statuses: Vec<String> = self.answers.iter().map(|answer| answer.status.to_string()).collect();
        let interim: Vec<String> = self.interim.iter().map(|answer| answer.status.to_string()).collect();
        let end = if self.closed { "closed" } else { "open" };
        let garbage = self.garbage[..self.garbage.len().min(30)].escape_ascii();
        format!("[{}] interim [{}] {end} garbage \"{garbage}\"", statuses.join(","), interim.join(","))
    }
}

/// A head, and what follows it where it is whole.
fn head(data: &[u8]) -> Option<(Answer, Option<&[u8]>)> {
    let line = &data[..data.iter().position(|b| *b == b'\n')?];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !(line.starts_with(b"HTTP/1.1 ") || line.starts_with(b"HTTP/1.0 ")) || line.len() < 12 {
        return None;
    }
    let status = std::str::from_utf8(&line[9..12]).ok()?.parse().ok()?;
    let mut answer = Answer { status, ..Answer::default() };
    let Some(end) = memmem::find(data, b"\r\n\r\n") else { return Some((answer, None)) };
    let text = String::from_utf8_lossy(&data[..end]);
    for line in text.split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            answer.fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    Some((answer, Some(&data[end + 4..])))
}

/// Reads the content of a response; what follows it.
fn content<'a>(answer: &mut Answer, data: &'a [u8], is_head: bool, closed: bool) -> &'a [u8] {
    if is_head || matches!(answer.status, 204 | 304) {
        answer.complete = true;
        return data;
    }
    if answer.values("transfer-encoding").any(|value| value.to_lowercase().contains("chunked")) {
        return chunks(answer, data);
    }
    let length = answer.values("content-length").next().map(|length| length.parse().unwrap_or(0));
    if let Some(length) = length {
        let taken = data.len().min(length);
        answer.content = data[..taken].to_vec();
        answer.complete = taken == length;
        return &data[taken..];
    }
    answer.content = data.to_vec();
    answer.complete = closed;
    &[]
}

fn chunks<'a>(answer: &mut Answer, data: &'a [u8]) -> &'a [u8] {
    let mut rest = data;
    loop {
        let Some((line, after)) = line(rest) else { return &[] };
        let size = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size else { return &[] };
        rest = after;
        if size == 0 {
            break;
        }
        answer.content.extend_from_slice(&rest[..rest.len().min(size)]);
        let Some(after) = rest.get(size + 2..) else { return &[] };
        rest = after;
    }
    while let Some((line, after)) = line(rest) {
        rest = after;
        if line.is_empty() {
            answer.complete = true;
            return rest;
        }
    }
    &[]
}

fn line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memmem::find(data, b"\r\n")?;
    Some((&data[..end], &data[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_told_apart() {
        let data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
            HTTP/1.1 200 OK\r\nX: y\r\n\r\nrest";
        let seen = Seen::new(data.to_vec(), &[], true, Duration::ZERO);
        let answers: Vec<_> = seen.answers.iter().map(|it| (it.status, &it.content[..], it.complete)).collect();
        assert_eq!(answers, [(200, &b"ok"[..], true), (200, b"hi", true), (304, b"", true), (200, b"rest", true)]);
        assert_eq!(seen.interim.len(), 1);
        let seen = Seen::new(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok".to_vec(), &[], true, Duration::ZERO);
        assert!(!seen.answers[0].complete);
        assert_eq!(Seen::new(b"hello".to_vec(), &[], true, Duration::ZERO).garbage, b"hello");
    }
}
