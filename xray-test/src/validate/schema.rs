//! The members of a document: their types, and where they may stand.

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A text of any length.
    Text,
    /// A name of a segment or subsegment.
    Name,
    /// A URL of at most 250 characters.
    Url,
    /// 16 hex digits.
    Id,
    /// `1-8hex-24hex`.
    TraceId,
    /// Seconds since the Unix epoch.
    Time,
    /// `true` or `false`.
    Bool,
    /// `true` alone.
    True,
    /// A whole number, zero or more.
    Count,
    /// Bytes, or -1 for unknown.
    Length,
    /// An HTTP status.
    Status,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An object of these members and no others.
    Object(&'static [Member]),
    /// An object of these members and any others.
    Open(&'static [Member]),
    /// A list of at least one.
    List(&'static Kind),
    /// The id of an exception, or an object with exceptions.
    Cause,
    /// Keys and scalars.
    Annotations,
    /// Namespaces of keys and values.
    Metadata,
    /// Any members with any values, at least one.
    Attributes,
    /// Subsegments within this one.
    Subsegments,
}

/// Where a member may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Segment,
    Subsegment,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) required: bool,
}

const fn member(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, place: Place::Anywhere, required: false }
}

const fn required(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, place: Place::Anywhere, required: true }
}

const fn on_segment(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, place: Place::Segment, required: false }
}

const fn on_subsegment(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, place: Place::Subsegment, required: false }
}

/// A segment or subsegment. Which of the ids and times it must have depends on more than its members.
pub(super) const DOCUMENT: &[Member] = &[
    required("name", Kind::Name),
    required("id", Kind::Id),
    member("trace_id", Kind::TraceId),
    member("parent_id", Kind::Id),
    on_subsegment("type", Kind::OneOf(&["subsegment"])),
    required("start_time", Kind::Time),
    member("end_time", Kind::Time),
    member("in_progress", Kind::True),
    on_subsegment("namespace", Kind::OneOf(&["aws", "remote"])),
    on_segment("origin", Kind::Text),
    on_segment("resource_arn", Kind::Text),
    on_segment("user", Kind::Text),
    member("error", Kind::Bool),
    member("fault", Kind::Bool),
    member("throttle", Kind::Bool),
    member("cause", Kind::Cause),
    member("http", Kind::Object(HTTP)),
    member("aws", Kind::Open(AWS)),
    on_segment("service", Kind::Open(&[member("version", Kind::Text)])),
    on_subsegment("sql", Kind::Object(SQL)),
    member("annotations", Kind::Annotations),
    member("metadata", Kind::Metadata),
    on_segment("links", Kind::List(&Kind::Object(LINK))),
    on_subsegment("precursor_ids", Kind::List(&Kind::Id)),
    member("subsegments", Kind::Subsegments),
];

const HTTP: &[Member] =
    &[member("request", Kind::Object(HTTP_REQUEST)), member("response", Kind::Object(HTTP_RESPONSE))];

const HTTP_REQUEST: &[Member] = &[
    member("method", Kind::Text),
    member("url", Kind::Url),
    member("user_agent", Kind::Text),
    member("client_ip", Kind::Text),
    on_segment("x_forwarded_for", Kind::Bool),
    on_subsegment("traced", Kind::Bool),
];

const HTTP_RESPONSE: &[Member] = &[member("status", Kind::Status), member("content_length", Kind::Length)];

pub(super) const CAUSE: &[Member] = &[
    member("working_directory", Kind::Text),
    member("paths", Kind::List(&Kind::Text)),
    member("exceptions", Kind::List(&Kind::Object(EXCEPTION))),
];

const EXCEPTION: &[Member] = &[
    required("id", Kind::Id),
    member("message", Kind::Text),
    member("type", Kind::Text),
    member("remote", Kind::Bool),
    member("truncated", Kind::Count),
    member("skipped", Kind::Count),
    member("cause", Kind::Id),
    member("stack", Kind::List(&Kind::Object(FRAME))),
];

const FRAME: &[Member] = &[member("path", Kind::Text), member("line", Kind::Count), member("label", Kind::Text)];

const SQL: &[Member] = &[
    member("connection_string", Kind::Text),
    member("url", Kind::Text),
    member("sanitized_query", Kind::Text),
    member("database_type", Kind::Text),
    member("database_version", Kind::Text),
    member("driver_version", Kind::Text),
    member("user", Kind::Text),
    member("preparation", Kind::OneOf(&["call", "statement"])),
];

const LINK: &[Member] =
    &[required("trace_id", Kind::TraceId), required("id", Kind::Id), member("attributes", Kind::Attributes)];

const AWS: &[Member] = &[
    member("account_id", Kind::Text),
    member("request_id", Kind::Text),
    member("resource_names", Kind::List(&Kind::Text)),
    on_segment("function_arn", Kind::Text),
    on_segment("cloudwatch_logs", Kind::List(&Kind::Object(LOG_GROUP))),
    on_segment("ec2", Kind::Open(EC2)),
    on_segment("ecs", Kind::Open(ECS)),
    on_segment("eks", Kind::Open(EKS)),
    on_segment("elastic_beanstalk", Kind::Open(BEANSTALK)),
    on_segment("xray", Kind::Open(XRAY)),
    on_subsegment("operation", Kind::Text),
    on_subsegment("region", Kind::Text),
    on_subsegment("queue_url", Kind::Text),
    on_subsegment("table_name", Kind::Text),
    on_subsegment("table_names", Kind::List(&Kind::Text)),
    on_subsegment("topic_arn", Kind::Text),
    on_subsegment("function_name", Kind::Text),
    on_subsegment("log_type", Kind::Text),
    on_subsegment("retries", Kind::Count),
];

const LOG_GROUP: &[Member] = &[member("log_group", Kind::Text), member("arn", Kind::Text)];

const EC2: &[Member] = &[
    member("instance_id", Kind::Text),
    member("instance_size", Kind::Text),
    member("ami_id", Kind::Text),
    member("availability_zone", Kind::Text),
];

const ECS: &[Member] = &[
    member("container", Kind::Text),
    member("container_id", Kind::Text),
    member("container_arn", Kind::Text),
    member("availability_zone", Kind::Text),
];

const EKS: &[Member] =
    &[member("pod", Kind::Text), member("cluster_name", Kind::Text), member("container_id", Kind::Text)];

const BEANSTALK: &[Member] = &[
    member("environment_name", Kind::Text),
    member("version_label", Kind::Text),
    member("deployment_id", Kind::Count),
];

const XRAY: &[Member] = &[
    member("sdk", Kind::Text),
    member("sdk_version", Kind::Text),
    member("auto_instrumentation", Kind::Bool),
    member("sampling_rule_name", Kind::Text),
];
