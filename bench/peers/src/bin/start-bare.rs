//! Links `tracing` and the registry and no more: what the others' start is compared with.

fn main() {
    if std::env::args().nth(1).is_some() {
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    }
}
