//! A valid document, broken in one place after the other.

use super::*;

/// Pointers to every value that a rule speaks of: not what is the user's.
fn governed(value: &Value, at: String, found: &mut Vec<String>) {
    let free = at.starts_with("/metadata/default/")
        || at.starts_with("/metadata/other/")
        || at.ends_with("/attributes/a")
        || at.ends_with("/service/compiler")
        || at.ends_with("/item_count");
    if free {
        return;
    }
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| governed(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| governed(value, format!("{at}/{index}"), found));
        }
        _ => {}
    }
    if !at.is_empty() {
        found.push(at);
    }
}

#[test]
fn a_document_broken_anywhere_is_invalid() {
    let whole = segment();
    let mut pointers = Vec::new();
    governed(&whole, String::new(), &mut pointers);
    assert!(pointers.len() > 100, "the members of the full document");
    for pointer in &pointers {
        let mut wrong = vec![json!(null), json!([]), json!({}), json!([[]])];
        if !pointer.starts_with("/annotations/") {
            // Not the type it has; a cause may be a text, but not any.
            wrong.extend([json!("?(ä)"), json!(-7.5), json!("")]);
            let old = whole.pointer(pointer).unwrap();
            let same_type = |new: &Value| (old.is_string() && new.is_string()) || (old.is_number() && new.is_number());
            wrong.retain(|new| !same_type(new));
        }
        for value in wrong {
            let mut broken = whole.clone();
            *broken.pointer_mut(pointer).unwrap() = value.clone();
            assert!(validate(broken.to_string()).is_err(), "{pointer} = {value}");
        }
    }
}

#[test]
fn a_misspelt_member_is_invalid() {
    let whole = segment();
    let mut pointers = Vec::new();
    governed(&whole, String::new(), &mut pointers);
    let mut misspelt = 0;
    for pointer in &pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let open = ["/annotations", "/metadata"].contains(&parent)
            || ["/aws", "/service", "/ec2", "/ecs", "/eks", "/elastic_beanstalk", "/xray"]
                .iter()
                .any(|open| parent.ends_with(open));
        let mut broken = whole.clone();
        let Value::Object(members) = broken.pointer_mut(parent).unwrap() else {
            continue;
        };
        if !open {
            let value = members.remove(name).unwrap();
            members.insert(format!("{name}s"), value);
            let violations = validate(broken.to_string());
            assert!(violations.is_err(), "{pointer}");
            misspelt += 1;
        }
    }
    assert!(misspelt > 60, "members of objects with known members only");
}
