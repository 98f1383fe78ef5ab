//! Two connections that have gone over to another protocol, joined.

use wirelight_net::Upgrade;

use super::group::Underway;

/// Carries bytes both ways until both sides have said their last, or either is gone.
pub(crate) async fn join(client: Upgrade, server: Upgrade, underway: Underway) {
    let (Ok(mut client), Ok(mut server)) = (client.switched().await, server.switched().await) else { return };
    // An end that breaks takes the other with it: both are dropped here.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    drop(underway);
}
