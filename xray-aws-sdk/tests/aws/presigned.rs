//! Presigned requests: somebody else sends them, later.

use aws_sdk_s3::presigning::PresigningConfig;

use crate::support::{SECOND, Service, captured, config, in_segment, run};

#[test]
fn a_presigned_request_makes_neither_subsegment_nor_header() {
    let service = Service::ok();
    let client = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, service.clone()).build());
    let (segment, presigned) = in_segment(|| async {
        let config = PresigningConfig::expires_in(SECOND).unwrap();
        client.get_object().bucket("photos").key("a").presigned(config).await.unwrap()
    });
    assert!(presigned.uri().contains("X-Amz-Signature"));
    assert!(!presigned.uri().to_ascii_lowercase().contains("trace-id"));
    assert_eq!(presigned.headers().find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id")), None);
    assert_eq!(xray_test::picture(&[segment]), "web  segment\n");
    assert_eq!(service.seen().len(), 0);
}

#[test]
fn presigning_outside_a_segment_is_not_told() {
    let xray = captured();
    let client = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, Service::ok()).build());
    run(&xray, async {
        let config = PresigningConfig::expires_in(SECOND).unwrap();
        client.put_object().bucket("photos").key("a").presigned(config).await.unwrap();
    });
    assert_eq!((xray.stats().context_missing, xray.diagnostics().len()), (0, 0));
}
