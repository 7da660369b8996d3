//! Every expression of AWS's texts and of the guide, and which traces it finds.

use expect_test::expect;

use super::{parse, traces};

const EXPRESSIONS: &str = r##"
ok
!ok
ok = false
error
throttle
fault
partial
inferred
ok !partial duration <3
responsetime > 5
duration >= 5 AND duration <= 8
responsetime <= 0.2 AND duration > 2
http.status != 200
http.status >= 500
http.status = 404 OR http.status = 410
http.url CONTAINS "/api/game/"
http.url BEGINSWITH "https://"
http.url ENDSWITH "/health"
http.url
!http.url
http.method = "POST"
http.useragent CONTAINS "curl"
http.clientip = "203.0.113.10"
http.url AND responseTime > 2
user = "u-100"
user CONTAINS ""
!user
annotation.tier = "gold"
annotation.age > 29
annotation.priority
annotation.cached = false
!annotation.age
annotation[order.id] BEGINSWITH "A-"
annotation.tier != "gold"
annotation.account = "12345"
service("payment-service")
service("payment-service") { fault }
service() { fault }
service() { throttle } AND ok
!service("cache.internal")
service("a") { fault = true OR responsetime > 2.5 }
service("data-plane") {root = true and fault = true}
service(id(type: "AWS::Lambda::Function")) { error }
service(id(name: "f", type: "AWS::Lambda")) { fault }
service(id(account.id: "123456789012"))
service(id(type: "AWS::DynamoDB::Table")) { responsetime > 1 }
edge("order-service", "payment-service")
edge("order-service", "payment-service") { error }
!edge("a", "b") AND service("b")
edge(id(name: "order-service"), id(name: "orders", type: "AWS::DynamoDB::Table")) { throttle }
availabilityzone = "us-west-2c"
instance.id = "i-0b5a4678fc325b098"
resource.arn CONTAINS ":function:"
group.name = "slow" AND user = "alice"
rootcause.fault.service { name = "Auth" }
rootcause.fault.entity { last and name = "deserialize" }
rootcause.fault.exception { last and message = "Access Denied" }
rootcause.responsetime.entity { remote and coverage > 0.7 and name = "traces" }
rootcause.fault.service { inferred and type = "AWS::DynamoDB" }
rootcause.error.service { index > 1 }
rootcause.json = #[{"Services":[{"Name":"data-plane","EntityPath":[{"Name":"data-plane"},{"Name":"b"}]}]}]
fault OR ok AND partial
(fault OR ok) AND partial
annotation.user_id = "user-123"
annotation.order_id = "ORD-456"
duration > 2 AND duration < 5
http.status = 500
fault = true
error = true
throttle = true
service("order-service")
service("payment-lambda") AND fault = true
http.url CONTAINS "/api/orders"
annotation.user_type = "premium" AND responsetime > 1
service("checkout") AND http.status >= 500
fault = true AND annotation.order_id = "ORD-123"
service("my-lambda") AND annotation.cold_start = true
annotation["age"] != 30
annotation.tier
group.arn = "arn:aws:xray:eu-central-1:1:group/slow"
service("order-service") { !ok }
service() { name = Auth }
service() { user }
edge("a", "Auth") { ok AND responsetime >= 1 }
edge("Auth", "b") { error }
rootcause.fault.json = #[{"ClientImpacting":false}]
rootcause.error.entity { first and remote }
FAULT or OK and Partial
"##;

#[test]
fn what_each_expression_finds() {
    let traces = traces::all();
    let mut table = String::new();
    for text in EXPRESSIONS.trim().lines() {
        let filter = parse(text);
        let found: Vec<_> = traces.iter().filter(|(_, facts)| filter.matches(facts)).map(|(name, _)| *name).collect();
        table += &format!("{text:60} {}\n", found.join(" "));
        assert_eq!(parse(&filter.to_string()), filter, "{text} is printed as {filter}");
    }
    expect![[r#"
        ok                                                           health throttled open slow auth
        !ok                                                          order missing lambda plane guide
        ok = false                                                   order missing lambda plane guide
        error                                                        missing
        throttle                                                     throttled
        fault                                                        order lambda plane guide
        partial                                                      open
        inferred                                                     throttled slow auth guide
        ok !partial duration <3                                      health auth
        responsetime > 5                                             order slow
        duration >= 5 AND duration <= 8                              order slow
        responsetime <= 0.2 AND duration > 2                         throttled
        http.status != 200                                           order missing plane guide
        http.status >= 500                                           order plane guide
        http.status = 404 OR http.status = 410                       missing
        http.url CONTAINS "/api/game/"                               order
        http.url BEGINSWITH "https://"                               health
        http.url ENDSWITH "/health"                                  health
        http.url                                                     health order missing guide
        !http.url                                                    throttled open lambda slow auth plane
        http.method = "POST"                                         order guide
        http.useragent CONTAINS "curl"                               health
        http.clientip = "203.0.113.10"                               health
        http.url AND responseTime > 2                                order missing guide
        user = "u-100"                                               order
        user CONTAINS ""                                             order missing
        !user                                                        health throttled open lambda slow auth plane guide
        annotation.tier = "gold"                                     order
        annotation.age > 29                                          order
        annotation.priority                                          throttled
        annotation.cached = false                                    throttled
        !annotation.age                                              health throttled missing lambda slow auth plane guide
        annotation[order.id] BEGINSWITH "A-"                         throttled
        annotation.tier != "gold"                                    throttled
        annotation.account = "12345"                                 missing
        service("payment-service")                                   order
        service("payment-service") { fault }                         order
        service() { fault }                                          order lambda auth plane guide
        service() { throttle } AND ok                                throttled
        !service("cache.internal")                                   health order throttled open missing lambda slow auth plane guide
        service("a") { fault = true OR responsetime > 2.5 }          slow
        service("data-plane") {root = true and fault = true}         plane
        service(id(type: "AWS::Lambda::Function")) { error }         lambda
        service(id(name: "f", type: "AWS::Lambda")) { fault }        lambda
        service(id(account.id: "123456789012"))                      throttled lambda
        service(id(type: "AWS::DynamoDB::Table")) { responsetime > 1 } slow
        edge("order-service", "payment-service")                     order
        edge("order-service", "payment-service") { error }           order
        !edge("a", "b") AND service("b")                             auth
        edge(id(name: "order-service"), id(name: "orders", type: "AWS::DynamoDB::Table")) { throttle } throttled
        availabilityzone = "us-west-2c"                              slow
        instance.id = "i-0b5a4678fc325b098"                          slow
        resource.arn CONTAINS ":function:"                           lambda
        group.name = "slow" AND user = "alice"                       missing
        rootcause.fault.service { name = "Auth" }                    auth
        rootcause.fault.entity { last and name = "deserialize" }     order
        rootcause.fault.exception { last and message = "Access Denied" } order
        rootcause.responsetime.entity { remote and coverage > 0.7 and name = "traces" } slow
        rootcause.fault.service { inferred and type = "AWS::DynamoDB" } auth
        rootcause.error.service { index > 1 }                        auth
        rootcause.json = #[{"Services":[{"Name":"data-plane","EntityPath":[{"Name":"data-plane"},{"Name":"b"}]}]}] plane
        fault OR ok AND partial                                      order open lambda plane guide
        (fault OR ok) AND partial                                    open
        annotation.user_id = "user-123"                              guide
        annotation.order_id = "ORD-456"                              guide
        duration > 2 AND duration < 5                                throttled missing guide
        http.status = 500                                            order guide
        fault = true                                                 order lambda plane guide
        error = true                                                 missing
        throttle = true                                              throttled
        service("order-service")                                     order throttled guide
        service("payment-lambda") AND fault = true                   guide
        http.url CONTAINS "/api/orders"                              guide
        annotation.user_type = "premium" AND responsetime > 1        guide
        service("checkout") AND http.status >= 500                   guide
        fault = true AND annotation.order_id = "ORD-123"             guide
        service("my-lambda") AND annotation.cold_start = true        guide
        annotation["age"] != 30                                      open
        annotation.tier                                              order throttled
        group.arn = "arn:aws:xray:eu-central-1:1:group/slow"         order missing slow guide
        service("order-service") { !ok }                             order
        service() { name = Auth }                                    auth
        service() { user }                                           order missing
        edge("a", "Auth") { ok AND responsetime >= 1 }               auth
        edge("Auth", "b") { error }                                  auth
        rootcause.fault.json = #[{"ClientImpacting":false}]          auth
        rootcause.error.entity { first and remote }                  
        FAULT or OK and Partial                                      order open lambda plane guide
    "#]].assert_eq(&table);
}

#[test]
fn one_spelling() {
    for (text, printed) in [
        ("ok !partial duration<3", "ok AND !partial AND duration < 3"),
        ("fault or ok and partial", "fault OR (ok AND partial)"),
        ("(fault OR ok) AND partial", "(fault OR ok) AND partial"),
        ("!!(ok)", "!!ok"),
        ("annotation[tier]", "annotation.tier"),
        (r#"annotation["a b"]=-1.50"#, r#"annotation["a b"] = -1.5"#),
        (r#"user = "a\"b\\c\d""#, r#"user = "a\"b\\c\\d""#),
        ("service(){name = Auth}", r#"service() { name = "Auth" }"#),
        (r#"SERVICE(ID(Type:"t"))"#, r#"service(id(type: "t"))"#),
        (r#"service(id(name:"n"))"#, r#"service("n")"#),
        (r##"rootcause.json=#[ {"ClientImpacting" : true} ]"##, r##"rootcause.json = #[{"ClientImpacting":true}]"##),
    ] {
        assert_eq!(parse(text).to_string(), printed);
        assert_eq!(parse(printed), parse(text));
    }
}
