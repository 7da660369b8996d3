use super::*;
use crate::document::escape;

fn draft(items: &[(Class, &str)]) -> Draft {
    let mut draft = Draft::new();
    for (class, text) in items {
        draft.push(*class, text.as_bytes());
    }
    draft
}

fn append(buffer: &mut ItemBuffer, runs: &mut Runs, mut draft: Draft) {
    let kinds = kinds(draft.classes());
    assert!(buffer.append(runs, &mut draft, kinds));
}

fn texts(buffer: &ItemBuffer, runs: Runs) -> Vec<String> {
    buffer.items(runs).map(|(class, item)| format!("{class:?} {}", String::from_utf8_lossy(item))).collect()
}

#[test]
fn the_items_of_two_nodes_do_not_mix_however_they_arrive() {
    let mut buffer = ItemBuffer::default();
    let (mut one, mut two) = (Runs::EMPTY, Runs::EMPTY);
    append(&mut buffer, &mut one, draft(&[(Class::Annotation, r#""a":1"#), (Class::Event, "{}")]));
    append(&mut buffer, &mut two, draft(&[(Class::Metadata, r#""b":2"#)]));
    append(&mut buffer, &mut one, draft(&[(Class::Metadata, r#""c":3"#)]));
    assert_eq!(texts(&buffer, one), [r#"Annotation "a":1"#, "Event {}", r#"Metadata "c":3"#]);
    assert_eq!(texts(&buffer, two), [r#"Metadata "b":2"#]);
    let mut other = ItemBuffer::default();
    let copied = buffer.copy(one, &mut other);
    assert_eq!(texts(&other, copied), texts(&buffer, one));
}

#[test]
fn the_later_value_of_a_key_wins_and_other_keys_stay() {
    let mut buffer = ItemBuffer::default();
    let mut runs = Runs::EMPTY;
    let first = [(Class::Annotation, r#""a":1"#), (Class::Annotation, r#""ab":1"#), (Class::Metadata, r#""a":1"#)];
    append(&mut buffer, &mut runs, draft(&first));
    let second = [(Class::MetadataIn, r#""n":"k":1"#), (Class::MetadataIn, r#""n":"l":1"#)];
    append(&mut buffer, &mut runs, draft(&second));
    let later = draft(&[(Class::Annotation, r#""a":2"#), (Class::MetadataIn, r#""n":"k":2"#)]);
    buffer.supersede(runs, &later);
    append(&mut buffer, &mut runs, later);
    assert_eq!(
        texts(&buffer, runs),
        [
            r#"Annotation "ab":1"#,
            r#"Metadata "a":1"#,
            r#"MetadataIn "n":"l":1"#,
            r#"Annotation "a":2"#,
            r#"MetadataIn "n":"k":2"#
        ]
    );
}

fn joined(members: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::new();
    for (key, value) in members {
        draft.start_member(&KeyOpening::new(key)).extend_from_slice(value.as_bytes());
        draft.finish_member();
    }
    draft
}

proptest::proptest! {
    #[test]
    fn members_of_a_joined_item_are_found_as_if_each_were_one(
        values in proptest::collection::vec(r#""([a,:{}]|\\\\|\\"){0,4}"|-?[0-9.]{1,3}|true"#, 1..5),
        replaced in proptest::collection::vec(0_usize..6, 0..8),
    ) {
        let keys = ["", "k", "kk", "k\"", "k,", "other"];
        let members: Vec<(&str, &str)> = keys.into_iter().zip(values.iter().map(String::as_str)).collect();
        let single = |(key, value): &(&str, &str)| {
            let mut item = Vec::new();
            escape::string(&mut item, key);
            item.extend_from_slice(format!(":{value}").as_bytes());
            String::from_utf8(item).unwrap()
        };
        let singles: Vec<String> = members.iter().map(single).collect();
        let singles: Vec<(Class, &str)> = singles.iter().map(|item| (Class::Metadata, &**item)).collect();
        let both = [joined(&members), draft(&singles)].map(|opening| {
            let (mut buffer, mut runs) = (ItemBuffer::default(), Runs::EMPTY);
            append(&mut buffer, &mut runs, opening);
            let mut seen = vec![texts(&buffer, runs)];
            for key in &replaced {
                let later = joined(&[(keys[*key], "7"), ("beside", "8")]);
                buffer.supersede(runs, &later);
                append(&mut buffer, &mut runs, later);
                seen.push(texts(&buffer, runs));
                let mut copied = ItemBuffer::default();
                let copied_runs = buffer.copy(runs, &mut copied);
                proptest::prop_assert_eq!(texts(&copied, copied_runs), texts(&buffer, runs));
            }
            proptest::prop_assert!(buffer.garbage() < buffer.len());
            let written: Vec<&[u8]> = buffer.items_of(runs, Class::Metadata).collect();
            let written = String::from_utf8(written.join(&b","[..])).unwrap();
            Ok((seen, written))
        });
        let [joined, single] = both;
        proptest::prop_assert_eq!(joined?, single?);
    }
}

#[test]
fn a_full_tree_refuses_and_stays_readable() {
    let mut buffer = ItemBuffer::default();
    let mut runs = Runs::EMPTY;
    let mut big = draft(&[(Class::Metadata, &"x".repeat(1024 * 1024))]);
    let kinds = kinds(big.classes());
    let kept = (0..20).filter(|_| buffer.append(&mut runs, &mut big, kinds)).count();
    assert_eq!(kept, 7);
    assert_eq!(buffer.items(runs).count(), 7);
    assert!(buffer.len() <= MAX_BYTES);
}
