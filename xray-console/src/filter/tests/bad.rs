//! What is said of expressions that are none.

use expect_test::expect;

use super::{Filter, groups};

const BAD: &str = r##"
responsetme > 5
ok AND
ok OR OR fault
ok AND responsetime >
responsetime = "5"
responsetime CONTAINS 5
http.url > "a"
http.url LIKE "%a%"
http.url = a
http.url = 'a'
http.url = "a
ok == true
ok = 1
ok < true
NOT fault
fault && error
fault | error
(fault
fault)
service
service(
service(shop)
service("shop"
service("shop") { }
service("shop") { fault
service("shop") { annotation.tier = "gold" }
service("shop") { service("b") }
service("shop", "b")
service(id())
service(id(nam: "a"))
service(id(name: "a", name: "b"))
edge("a")
edge("a", "b") { user = "x" }
edge("a" "b")
root
name = "a"
rootcause.fault.entity { message = "x" }
rootcause.fault.thing
rootcause.json = [{}]
rootcause.json = #[{"Service":[]}]
rootcause.json = #[{"Services":1}]
rootcause.json = #[{"Services":[{"Name":1}]}]
rootcause.json = #[
rootcause.json = #[]
rootcause.json = #{}
annotation
annotation.
annotation[]
annotation.tier = gold
annotation.tier > "gold"
annotation.tier CONTAINS 5
group.name = "none"
group.name = slow
group.name = "circle"
group.name = "wrong"
group.name = "empty"
group.name = "double 30"
duration > 1.
duration > 1e5
duration > 5s
duration > --5
duration 5
häßlich AND ok
ok → fault
banana
"##;

#[test]
fn every_mistake_has_a_message_with_its_place() {
    let mut messages = String::new();
    for text in BAD.trim_matches('\n').lines() {
        let error = Filter::parse_with(text, groups).expect_err(text);
        assert!(error.position() <= text.len() && error.column() >= 1, "{text}");
        let message = error.to_string();
        let message = message.strip_prefix("filter expression, column ").unwrap();
        messages += &format!("{text}\n    {message}\n");
    }
    for blank in ["", " "] {
        assert_eq!(Filter::parse(blank).unwrap_err().column(), blank.len() + 1);
    }
    expect![[r#"
        responsetme > 5
            1: unknown keyword "responsetme", expected a condition (such as fault, responsetime > 1 or service("name")); did you mean responsetime?
        ok AND
            7: found the end, expected a condition (such as fault, responsetime > 1 or service("name"))
        ok OR OR fault
            7: found "OR", expected a condition (such as fault, responsetime > 1 or service("name"))
        ok AND responsetime >
            22: found the end, expected a number
        responsetime = "5"
            16: found the text "5", expected a number
        responsetime CONTAINS 5
            14: found "CONTAINS", expected =, !=, <, <=, > or >= (it is a number)
        http.url > "a"
            10: found ">", expected =, !=, CONTAINS, BEGINSWITH or ENDSWITH (it is a text)
        http.url LIKE "%a%"
            10: unknown keyword "LIKE", expected a condition (such as fault, responsetime > 1 or service("name")); did you mean CONTAINS?
        http.url = a
            12: found "a", expected a text in double quotes
        http.url = 'a'
            12: "'" means nothing here, expected a text in double quotes ("…")
        http.url = "a
            12: a text that does not end, expected a closing "
        ok == true
            4: "==" is no operator; did you mean =?
        ok = 1
            6: found "1", expected true or false
        ok < true
            4: found "<", expected = or != (it is true or false)
        NOT fault
            1: unknown keyword "NOT", expected a condition (such as fault, responsetime > 1 or service("name")); did you mean !?
        fault && error
            7: "&&" is no operator; did you mean AND?
        fault | error
            7: "|" is no operator; did you mean OR?
        (fault
            7: found the end, expected AND, OR or )
        fault)
            6: found ")", expected AND, OR or the end
        service
            8: found the end, expected (, as in service("name")
        service(
            9: found the end, expected a name in double quotes or id(name: "…", type: "…", account.id: "…")
        service(shop)
            9: found "shop", expected a name in double quotes or id(name: "…", type: "…", account.id: "…")
        service("shop"
            15: found the end, expected )
        service("shop") { }
            19: found "}", expected a condition on a service (such as fault or responsetime > 1)
        service("shop") { fault
            24: found the end, expected AND, OR or }
        service("shop") { annotation.tier = "gold" }
            19: "annotation.tier" cannot stand in the block of service(), expected a condition on a service (such as fault or responsetime > 1)
        service("shop") { service("b") }
            19: "service" cannot stand in the block of service(), expected a condition on a service (such as fault or responsetime > 1)
        service("shop", "b")
            15: found ",", expected )
        service(id())
            12: found ")", expected name, type or account.id
        service(id(nam: "a"))
            12: found "nam", expected name, type or account.id; did you mean name?
        service(id(name: "a", name: "b"))
            23: name comes twice, expected each part once
        edge("a")
            9: found ")", expected , and the service called
        edge("a", "b") { user = "x" }
            18: user cannot stand in the block of edge(), expected a condition on a call (such as fault or responsetime > 1); user stands outside of blocks or in the block of service()
        edge("a" "b")
            10: found the text "b", expected , and the service called
        root
            1: root cannot stand outside of blocks, expected a condition (such as fault, responsetime > 1 or service("name")); root stands in the block of service()
        name = "a"
            1: name cannot stand outside of blocks, expected a condition (such as fault, responsetime > 1 or service("name")); name stands in the block of service() or in the block of rootcause.….service or in the block of rootcause.….entity or in the block of rootcause.….exception
        rootcause.fault.entity { message = "x" }
            26: message cannot stand in the block of rootcause.….entity, expected a condition on an entity (name, remote, coverage, first, last or index); message stands in the block of rootcause.….exception
        rootcause.fault.thing
            1: unknown keyword "rootcause.fault.thing", expected rootcause.fault, rootcause.error or rootcause.responsetime and then .service, .entity, .exception or .json; or rootcause.json
        rootcause.json = [{}]
            18: found "[", expected a list such as #[{"Services":[{"Name":"shop"}]}]
        rootcause.json = #[{"Service":[]}]
            18: a root cause has no member "Service", only Services, ClientImpacting; did you mean Services?
        rootcause.json = #[{"Services":1}]
            18: Services is not a list
        rootcause.json = #[{"Services":[{"Name":1}]}]
            18: Name is not a text
        rootcause.json = #[
            19: what follows # is not JSON, expected a list such as #[{"Services":[{"Name":"shop"}]}]
        rootcause.json = #[]
            18: the list is empty
        rootcause.json = #{}
            18: rootcause.json is not a list
        annotation
            11: found the end, expected [ or . and a key, as in annotation.tier or annotation["tier"]
        annotation.
            1: annotation without a key, expected a key, as in annotation.tier or annotation["tier"]
        annotation[]
            12: found "]", expected a key, as in annotation.tier or annotation["tier"]
        annotation.tier = gold
            19: found "gold", expected a text in double quotes, a number, true or false
        annotation.tier > "gold"
            19: found the text "gold", expected a number
        annotation.tier CONTAINS 5
            26: found "5", expected a text in double quotes
        group.name = "none"
            1: there is no group of name "none"
        group.name = slow
            14: found "slow", expected a text in double quotes
        group.name = "circle"
            1: in the expression of the group of name "other half", column 1: the group of name "circle" is part of its own expression
        group.name = "wrong"
            1: in the expression of the group of name "wrong", column 1: unknown keyword "falut", expected a condition (such as fault, responsetime > 1 or service("name")); did you mean fault?
        group.name = "empty"
            1: the group of name "empty" has no expression
        group.name = "double 30"
            1: in the expression of the group of name "double 0", column 1: more than 1000 conditions, those of groups counted, expected fewer
        duration > 1.
            12: "1." is not a number, expected digits such as 5 or 0.25
        duration > 1e5
            12: "1e5" is not a number, expected digits such as 5 or 0.25
        duration > 5s
            12: "5s" is not a number, expected digits such as 5 or 0.25
        duration > --5
            12: "--5" is not a number, expected digits such as 5 or 0.25
        duration 5
            10: found "5", expected =, !=, <, <=, > or >= (it is a number)
        häßlich AND ok
            1: unknown keyword "häßlich", expected a condition (such as fault, responsetime > 1 or service("name"))
        ok → fault
            4: "→" means nothing here
        banana
            1: unknown keyword "banana", expected a condition (such as fault, responsetime > 1 or service("name"))
    "#]].assert_eq(&messages);
}

#[test]
fn nesting_length_and_number_are_bounded() {
    for (text, why) in [
        ("(".repeat(100_000 / 2), "more than 64 levels"),
        ("!".repeat(60_000), "more than 64 levels"),
        ("(".repeat(1_000_000), "the expression has 1000000 bytes"),
        ("ok ".repeat(1_001), "more than 1000 conditions"),
        (format!("rootcause.json = #{}", "[".repeat(60_000)), "is not JSON"),
        (format!("duration > {}", "9".repeat(400)), "is not a number"),
    ] {
        let error = Filter::parse(&text).unwrap_err().to_string();
        assert!(error.contains(why) && error.len() < 300, "{error}");
    }
    let deep = format!("{}ok{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(Filter::parse(&deep).unwrap().to_string(), "ok");
    Filter::parse(&"ok ".repeat(1_000)).unwrap();
}

#[test]
fn what_came_is_quoted_without_control_characters() {
    let error = Filter::parse("a\u{1b}[31mb").unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error}");
    let error = Filter::parse("user = \"x\" \"\u{1b}[31m\u{202e}\u{7}\"").unwrap_err().to_string();
    assert!(!error.contains(['\u{1b}', '\u{202e}', '\u{7}']) && error.contains("u{202e}"), "{error}");
}

#[test]
fn places_are_bytes_and_columns() {
    let error = Filter::parse("user = \"hä\" AND falut").unwrap_err();
    assert_eq!((error.position(), error.column()), (17, 17));
    assert_eq!(error.nearest(), Some("fault"));
    assert!(error.expected().starts_with("a condition"));
}
