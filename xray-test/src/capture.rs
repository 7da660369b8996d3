//! A layer whose documents stay in memory, under a clock and ids of the test's own.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use xray_core::document::Document;
use xray_core::{Builder, Capture, Diagnostic, SegmentLayer, StatsSnapshot};

use crate::{ManualClock, Picture, SeededEntropy, validate};

/// A [`SegmentLayer`] for one test: it records everything, sends nothing, and repeats exactly.
///
/// Documents are made on the thread that ends a segment, so they are there as soon as it has ended. Nothing is
/// global: any number of tests may run side by side.
///
/// # Examples
///
/// ```
/// use xray_test::{Captured, ManualClock, SeededEntropy};
///
/// let xray = Captured::new(ManualClock::at(1465510280.514), SeededEntropy::new(7));
/// xray.run(|| {
///     let segment = xray_core::segment("orders").open();
///     segment.in_scope(|| tracing::info_span!("charge", annotation.amount = 12).in_scope(|| ()));
/// });
/// let [document] = xray.documents();
/// assert_eq!(document.find("charge").unwrap().annotations["amount"].as_i64(), Some(12));
/// ```
#[derive(Clone, Debug)]
pub struct Captured {
    layer: SegmentLayer,
    capture: Capture,
    diagnostics: Arc<Mutex<Vec<Diagnostic>>>,
    dispatch: Dispatch,
}

impl Captured {
    /// A layer for a service called `test`.
    pub fn new(clock: ManualClock, entropy: SeededEntropy) -> Captured {
        Captured::with(clock, entropy, |builder| builder)
    }

    /// The same with further settings.
    ///
    /// # Panics
    ///
    /// When a setting is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::Rules;
    /// use xray_test::{Captured, ManualClock, SeededEntropy};
    ///
    /// let none = Captured::with(ManualClock::at(0.0), SeededEntropy::new(1), |layer| layer.rules(Rules::none()));
    /// none.run(|| tracing::info_span!("work").in_scope(|| ()));
    /// assert_eq!(none.stats().segments_unsampled, 1);
    /// let [] = none.documents();
    /// ```
    pub fn with(clock: ManualClock, entropy: SeededEntropy, settings: impl FnOnce(Builder) -> Builder) -> Captured {
        let capture = Capture::new();
        let diagnostics = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&diagnostics);
        let builder = SegmentLayer::builder("test")
            .without_environment()
            .emitter(capture.clone())
            .synchronous()
            .sample_all()
            .clock(clock)
            .entropy(entropy)
            .on_diagnostic(move |diagnostic| {
                told.lock().unwrap_or_else(PoisonError::into_inner).push(diagnostic.clone());
            });
        let layer = settings(builder).build().unwrap_or_else(|error| panic!("the layer's settings are wrong: {error}"));
        let dispatch = Dispatch::new(registry().with(layer.clone()));
        Captured { layer, capture, diagnostics, dispatch }
    }

    /// Runs `work` under a registry with this layer, on this thread.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// The registry with this layer, for other threads and for futures (`WithSubscriber`).
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// The layer, for a subscriber of the test's own: with filters, with a fmt layer.
    pub fn layer(&self) -> SegmentLayer {
        self.layer.clone()
    }

    /// The documents that were sent so far, in that order: exactly `N`.
    ///
    /// # Panics
    ///
    /// When there are more or fewer, with a picture of those that are; when one is not a document, or breaks a rule of
    /// X-Ray's ([`validate()`]).
    #[track_caller]
    pub fn documents<const N: usize>(&self) -> [Document; N] {
        let documents = self.all();
        let picture = Picture::new().annotations(true).draw(&documents);
        let found = documents.len();
        documents.try_into().unwrap_or_else(|_| panic!("expected {N} documents, found {found}:\n{picture}"))
    }

    /// All documents that were sent so far, checked as [`Captured::documents`] does.
    ///
    /// # Panics
    ///
    /// When one is not a document, or breaks a rule of X-Ray's.
    #[track_caller]
    pub fn all(&self) -> Vec<Document> {
        self.texts()
            .iter()
            .map(|text| {
                if let Err(violations) = validate(text) {
                    let violations: Vec<String> = violations.iter().map(ToString::to_string).collect();
                    panic!("X-Ray would not take this document:\n{}\n{text}", violations.join("\n"));
                }
                Document::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
            })
            .collect()
    }

    /// The documents as they would go out.
    pub fn texts(&self) -> Vec<String> {
        self.capture.documents()
    }

    /// Forgets the documents so far.
    pub fn clear(&self) {
        self.capture.take();
    }

    /// The picture of all documents so far.
    #[track_caller]
    pub fn picture(&self) -> String {
        crate::picture(&self.all())
    }

    /// What the layer counted.
    pub fn stats(&self) -> StatsSnapshot {
        self.layer.stats()
    }

    /// What the layer said, a line each.
    pub fn diagnostics(&self) -> Vec<String> {
        self.diagnostics.lock().unwrap_or_else(PoisonError::into_inner).iter().map(ToString::to_string).collect()
    }
}
