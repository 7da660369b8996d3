//! Links `xray-core`, and sets it up when asked to: `install ours SINK`.

use tracing_subscriber::layer::SubscriberExt;
use xray_core::SegmentLayer;

fn main() -> Result<(), xray_core::ConfigError> {
    if let Some(sink) = std::env::args().nth(3) {
        let layer = SegmentLayer::builder("orders").without_environment().daemon_address(sink).build()?;
        let _xray = layer.guard();
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
        drop(xray_core::segment("orders").open());
    }
    Ok(())
}
