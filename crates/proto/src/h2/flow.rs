//! Flow control: the windows of both directions, and how large ours ought to be (RFC 9113, section 5.2).

/// The largest window (RFC 9113, section 6.9.1).
pub(crate) const WINDOW_MAX: i64 = (1 << 31) - 1;

/// The window of a stream or connection before anything was said (RFC 9113, section 6.9.2).
pub(crate) const WINDOW_DEFAULT: u32 = 65_535;

/// How much the peer lets us send; a change of its settings can make it negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendWindow(i32);

/// The window would be larger than 2^31-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

impl SendWindow {
    pub(crate) fn new(bytes: u32) -> Self {
        Self(i32::try_from(bytes).unwrap_or(i32::MAX))
    }

    /// How many bytes may be sent now.
    #[inline]
    pub(crate) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Takes a change, as of a WINDOW_UPDATE or of the initial size.
    #[inline]
    pub(crate) fn change(&mut self, by: i64) -> Result<(), Overflow> {
        let bytes = i64::from(self.0) + by;
        self.0 = i32::try_from(bytes).map_err(|_| Overflow)?;
        Ok(())
    }

    /// Accounts for content that was sent, which fitted.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.0 -= bytes as i32;
    }
}

/// How much we let the peer send, and what of it the application has not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceiveWindow {
    /// How many bytes the peer may still send.
    open: i64,
    /// How many were received and not taken.
    held: u32,
}

impl ReceiveWindow {
    pub(crate) fn new(bytes: u32) -> Self {
        Self { open: bytes.into(), held: 0 }
    }

    /// How many bytes the peer may still send.
    pub(crate) fn open(&self) -> i64 {
        self.open
    }

    /// How many bytes were received and not taken.
    #[inline]
    pub(crate) fn held(&self) -> u32 {
        self.held
    }

    /// Accounts for a frame of `bytes` of which `content` waits to be taken; false if it did not fit.
    #[inline]
    pub(crate) fn receive(&mut self, bytes: u32, content: u32) -> bool {
        self.open -= i64::from(bytes);
        self.held += content;
        self.open >= 0
    }

    /// Accounts for content that was taken, as far as there was any, and says how much there was.
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize) -> u32 {
        let taken = self.held.min(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.held -= taken;
        taken
    }

    /// A window that the peer was told has another size than when it opened.
    pub(crate) fn widen(&mut self, by: i64) {
        self.open += by;
    }

    /// The increment that is due for the window to be `target` again, less what is held beyond `held_max`.
    #[inline]
    pub(crate) fn grant(&mut self, target: u32, held_max: u32) -> Option<u32> {
        let wanted = i64::from(target.min(held_max.saturating_sub(self.held)));
        let increment = wanted - self.open;
        if increment <= 0 || increment < i64::from(target / 2) {
            return None;
        }
        self.open += increment;
        Some(increment.min(WINDOW_MAX) as u32)
    }
}

/// Measures how much content is under way in a round trip, by a PING now and then.
///
/// A round trip that did not fill the window is followed by a pause, which is twice as long each time: on a short path
/// every PING would otherwise be followed by the next, which peers take for a flood.
#[derive(Debug, Default)]
pub(crate) struct Estimator {
    /// How much content has come since the PING that is under way.
    sample: Option<u64>,
    /// How much has to come before the next PING.
    pause: u64,
    /// How much that was after the last measurement that asked for no more; none if the last one did.
    paused: u64,
}

/// How much content passes before the next measurement, after one and after many that asked for no more.
const PAUSE_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=64 << 20;

impl Estimator {
    /// Whether a PING should go out now, to begin a measurement.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = self.sample.is_none() && self.pause == 0;
        if begins {
            self.sample = Some(0);
        }
        begins
    }

    #[inline]
    pub(crate) fn receive(&mut self, bytes: u32) {
        match &mut self.sample {
            Some(sum) => *sum += u64::from(bytes),
            None => self.pause = self.pause.saturating_sub(bytes.into()),
        }
    }

    /// The answer has come: the window that this round trip could have filled, where it is larger than `window`.
    pub(crate) fn end(&mut self, window: u32) -> Option<u32> {
        let bytes = self.sample.take()?;
        // A window of which less than two thirds were used is not what holds the peer back.
        let filled = bytes * 3 >= u64::from(window) * 2;
        self.paused = if filled { 0 } else { (self.paused * 2).clamp(*PAUSE_BYTES.start(), *PAUSE_BYTES.end()) };
        self.pause = self.paused;
        filled.then(|| u32::try_from(bytes * 2).unwrap_or(u32::MAX).max(window.saturating_mul(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_grows_shrinks_and_does_not_overflow() {
        let mut window = SendWindow::new(10);
        window.spend(10);
        assert_eq!(window.change(-5), Ok(()));
        assert_eq!(window.available(), 0);
        assert_eq!(window.change(6), Ok(()));
        assert_eq!(window.available(), 1);
        assert_eq!(window.change(WINDOW_MAX), Err(Overflow));
        assert_eq!(window.available(), 1);
        assert_eq!(window.change(WINDOW_MAX - 1), Ok(()));
        assert_eq!(window.available() as i64, WINDOW_MAX);
    }

    #[test]
    fn a_receive_window_is_granted_again_in_halves() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(60, 50));
        assert_eq!(window.grant(100, 100), None);
        assert_eq!(window.take(20), 20);
        assert_eq!(window.grant(100, 100), None);
        assert_eq!(window.take(1_000), 30);
        assert_eq!(window.grant(100, 100), Some(60));
        assert!(window.receive(100, 100));
        assert!(!window.receive(1, 1));
    }

    #[test]
    fn a_window_with_room_behind_it_is_granted_before_anything_is_taken() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(100, 100));
        assert_eq!(window.grant(100, 1_000), Some(100));
        assert!(window.receive(100, 100));
        assert_eq!(window.grant(100, 220), None);
        assert_eq!(window.grant(100, 250), Some(50));
    }

    #[test]
    fn an_estimate_asks_for_more_only_when_the_window_was_filled() {
        let mut estimator = Estimator::default();
        assert!(estimator.begin());
        assert!(!estimator.begin());
        estimator.receive(50);
        assert_eq!(estimator.end(100), None);
        assert!(!estimator.begin(), "after a measurement that asked for no more there is a pause");
        estimator.receive(1 << 20);
        assert!(estimator.begin());
        estimator.receive(90);
        assert_eq!(estimator.end(100), Some(200));
        assert_eq!(estimator.end(100), None);
        assert!(estimator.begin(), "after one that did there is none");
    }

    #[test]
    fn a_gibibyte_on_a_short_path_takes_few_measurements() {
        let mut estimator = Estimator::default();
        let mut measurements = 0;
        for _ in 0..65_536 {
            estimator.receive(16 * 1024);
            if estimator.begin() {
                measurements += 1;
                assert_eq!(estimator.end(64 * 1024), None);
            }
        }
        assert!(measurements < 25, "{measurements}");
    }
}
