//! The fast server alone: `upstream` says where it listens, and runs until it is killed.

use std::io;

use wirelight_bench::upstream::Upstream;

fn main() -> io::Result<()> {
    let upstream = Upstream::start()?;
    println!("{}", upstream.address);
    loop {
        std::thread::park();
    }
}
