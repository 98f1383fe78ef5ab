//! Headless Chromium, driven over the DevTools protocol: its pages are pressed, typed into, looked at and measured.
//!
//! The protocol goes through the two pipes that `--remote-debugging-pipe` reads and writes as descriptors 3 and 4: one
//! JSON message after another, each ended by a zero byte. A shell turns its own input and output into the two.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{PATIENCE, until};

/// One page of a browser, which is ended with the test.
pub(crate) struct Page {
    browser: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: String,
    number: u64,
    /// What the page complained of: exceptions and errors in its console.
    complaints: Vec<String>,
    files: TempDir,
}

impl Page {
    /// Starts a browser with an empty page of a size in CSS pixels.
    pub(crate) fn open(width: u32, height: u32) -> Self {
        Self::open_with(&[], width, height)
    }

    /// The same of a browser that is told more.
    pub(crate) fn open_with(arguments: &[&str], width: u32, height: u32) -> Self {
        let files = TempDir::new().unwrap();
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";
        let mut browser = Command::new("sh")
            .args([
                "-c",
                script,
                "sh",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", files.path().join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell is installed");
        let mut messages = BufReader::new(browser.stdout.take().unwrap());
        let (heard, from) = mpsc::channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while messages.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                let Ok(value) = serde_json::from_slice(message.strip_suffix(&[0]).unwrap_or(&message)) else { return };
                if heard.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let to = browser.stdin.take().unwrap();
        let mut page = Self { browser, to, from, session: String::new(), number: 0, complaints: Vec::new(), files };
        let target = page.ask("Target.createTarget", json!({"url": "about:blank"}))["targetId"].take();
        let session = page.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        page.session = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            page.ask(&format!("{domain}.enable"), json!({}));
        }
        page.size(width, height);
        page
    }

    /// Calls a method of the protocol and waits for what it gives.
    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": parameters});
        if !self.session.is_empty() && !method.starts_with("Target.") && !method.starts_with("Browser.") {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).and_then(|()| self.to.flush()).expect("chromium is installed and runs");
        loop {
            let mut heard = self.from.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{method}: {error}"));
            if heard["id"] == self.number {
                assert!(heard.get("error").is_none(), "{method}: {}", heard["error"]);
                return heard["result"].take();
            }
            match heard["method"].as_str() {
                Some("Runtime.exceptionThrown") => {
                    self.complaints.push(heard["params"]["exceptionDetails"].to_string())
                }
                Some("Log.entryAdded") => self.complaints.push(heard["params"]["entry"]["text"].to_string()),
                Some("Runtime.consoleAPICalled") => self.complaints.push(heard["params"]["args"].to_string()),
                _ => {}
            }
        }
    }

    /// Goes to an address, also if only its fragment differs from where the page is.
    pub(crate) fn go(&mut self, url: &str) {
        self.ask("Page.navigate", json!({"url": "about:blank"}));
        self.ask("Page.navigate", json!({"url": url}));
    }

    /// The value of an expression; a promise is waited for.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        self.try_value(expression).unwrap_or_else(|trouble| panic!("{expression}\n{trouble}"))
    }

    fn try_value(&mut self, expression: &str) -> Result<Value, String> {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.ask("Runtime.evaluate", asked);
        match answer.get("exceptionDetails") {
            Some(trouble) => Err(trouble.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// The text of an expression.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().map_or_else(|| panic!("{expression} is no text but {value}"), str::to_owned)
    }

    /// Waits until an expression is true; what throws is not true yet.
    pub(crate) fn until(&mut self, expression: &str) {
        let condition = format!("Boolean({expression})");
        let shown = expression.to_owned();
        until(&shown, || (self.try_value(&condition) == Ok(Value::Bool(true))).then_some(()));
    }

    /// Presses keys, one after another: `j`, `Enter`, `Control+Enter`.
    pub(crate) fn press(&mut self, keys: &[&str]) {
        for &key in keys {
            let (modifiers, key) = match key.split_once('+') {
                Some(("Control", key)) if !key.is_empty() => (2, key),
                Some(("Shift", key)) if !key.is_empty() => (8, key),
                _ => (0, key),
            };
            let mut pressed = json!({"type": "keyDown", "key": key, "modifiers": modifiers});
            if let Some(number) = NAMED.iter().find(|(name, _)| *name == key).map(|(_, number)| *number) {
                pressed["windowsVirtualKeyCode"] = number.into();
            }
            if key.chars().count() == 1 || (key == "Enter" && modifiers == 0) {
                pressed["text"] = if key == "Enter" { "\r".into() } else { key.into() };
            }
            self.ask("Input.dispatchKeyEvent", pressed.clone());
            pressed["type"] = "keyUp".into();
            pressed["text"] = Value::Null;
            pressed.as_object_mut().unwrap().remove("text");
            self.ask("Input.dispatchKeyEvent", pressed);
        }
    }

    /// Types text where the focus is.
    pub(crate) fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({"text": text}));
    }

    /// Clicks in the middle of the first element that a selector finds.
    pub(crate) fn click(&mut self, selector: &str) {
        let [x, y] = self.middle(selector);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    /// Moves the pointer over the middle of the first element that a selector finds.
    pub(crate) fn point_at(&mut self, selector: &str) {
        let [x, y] = self.middle(selector);
        self.ask("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": y}));
    }

    fn middle(&mut self, selector: &str) -> [f64; 2] {
        self.until(&format!("document.querySelector({})", json!(selector)));
        let place = self.value(&format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'nearest'}}); \
             const b = e.getClientRects()[0]; return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        ));
        [0, 1].map(|index| place[index].as_f64().unwrap())
    }

    /// Gives a file to the control that a selector finds.
    pub(crate) fn choose_file(&mut self, selector: &str, path: &str) {
        let expression = format!("document.querySelector({})", json!(selector));
        let control = self.ask("Runtime.evaluate", json!({"expression": expression}))["result"]["objectId"].take();
        self.ask("DOM.setFileInputFiles", json!({"files": [path], "objectId": control}));
    }

    /// Does what starts a download, and gives the file once it is whole.
    pub(crate) fn download(&mut self, name: &str, start: impl FnOnce(&mut Self)) -> String {
        let folder = self.files.path().join("downloads");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        self.ask("Browser.setDownloadBehavior", json!({"behavior": "allow", "downloadPath": folder}));
        start(self);
        let path = folder.join(name);
        until("the download", || {
            // The browser renames the file when it is whole.
            std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty())
        })
    }

    /// Sets the size of the page in CSS pixels.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// What the system prefers: `prefers-color-scheme` as `light` or `dark`, and so on.
    pub(crate) fn prefer(&mut self, feature: &str, value: &str) {
        self.ask("Emulation.setEmulatedMedia", json!({"features": [{"name": feature, "value": value}]}));
    }

    /// A picture of the page, as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let picture = self.ask("Page.captureScreenshot", json!({"format": "png", "optimizeForSpeed": false}));
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// What the page complained of since this was asked last.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // Whatever was said before this answer has been heard with it.
        self.value("0");
        std::mem::take(&mut self.complaints)
    }
}

/// Keys that write nothing, by their numbers.
const NAMED: [(&str, u32); 13] = [
    ("Enter", 13),
    ("Escape", 27),
    ("Tab", 9),
    ("ArrowUp", 38),
    ("ArrowDown", 40),
    ("ArrowLeft", 37),
    ("ArrowRight", 39),
    ("Home", 36),
    ("End", 35),
    ("PageUp", 33),
    ("PageDown", 34),
    ("Backspace", 8),
    (" ", 32),
];

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
