//! Merging host keys and certificates: nothing is lost, nothing comes twice.
//!
//! Every run draws the same cases, so that a red one can be repeated.

use manifests::trust::{has_retired_key, merge_certificates, merge_known_hosts};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The key whose private half leaked.
const RETIRED: &str = "AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa+PXYPCPy6rbTrTtw7PHkccKrpp0yVhp5HdEIcKr6pLlVDBfOLX9QUsyCOV0wzfjIJNlGEYsdlLJizHhbn2mUjvSAHQqZETYP81eFzLQNnPHt4EVVUh7VfDESU84KezmD5QlWpXLmvU31/yMf+Se8xhHTvKSCZIFImWwoG6mbUoWf9nzpIoaSjB+weqqUUmpaaasXVal72J+UX2B+2RPW3RcT0eOzQgqlJL3RKrTJvdsjE3JEAvGq3lGHSZXy28G3skua2SmVi/w4yCE6gbODqnTWlg7+wC604ydGXA8VJiS5ap43JXiUFFAaQ==";

fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl".to_owned()),
        Just(format!("ssh-rsa {RETIRED}")),
        "ssh-rsa [A-D]{4}",
    ];
    let host =
        prop_oneof![Just("github.com"), Just("[a.com]:22"), Just("a.com,b.com"), Just("|1|c2FsdA==|aA==")];
    let whole = (prop_oneof![5 => Just(""), 1 => Just("@revoked ")], host, key, "( [a-z]{3})?")
        .prop_map(|(marker, host, key, comment)| format!("{marker}{host} {key}{comment}"));
    prop_oneof![6 => whole, 1 => "# [a-z ]{0,9}", 1 => Just(String::new()), 1 => "[ -~]{0,20}"]
}

fn text() -> impl Strategy<Value = String> {
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (proptest::collection::vec((line(), end), 0..6), any::<bool>()).prop_map(|(lines, cut)| {
        let text: String = lines.into_iter().map(|(line, end)| line + end).collect();
        if cut { text.trim_end().to_owned() } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(1000)
    })]

    #[test]
    fn host_keys_of_others_stay_and_ours_come_once((live, ours) in (text(), text())) {
        let merged = merge_known_hosts(&live, &ours);
        prop_assert!(!has_retired_key(&merged), "{}", merged);
        let kept: Vec<&str> = live.lines().filter(|line| !has_retired_key(line)).collect();
        let before: Vec<&str> = merged.lines().take(kept.len()).collect();
        prop_assert_eq!(kept, before, "first what was there, line for line");
        for line in ours.lines().filter(|line| !line.starts_with('#') && !has_retired_key(line)) {
            let key: Vec<&str> = line.split_whitespace().take(3).collect();
            let said = |other: &str| key.iter().all(|word| other.contains(word));
            prop_assert!(merged.lines().any(said) || key.is_empty(), "{} in {}", line, merged);
        }
        prop_assert_eq!(merge_known_hosts(&merged, &ours), merged);
    }

    #[test]
    fn certificates_of_others_stay_and_ours_come_once(live in "(x\n|P[AB]){0,4}", ours in "(P[ABC]){0,3}") {
        let pem = |text: &str| {
            let block = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
            ["PA", "PB", "PC"].iter().fold(text.to_owned(), |text, name| text.replace(name, &block(&name.to_lowercase())))
        };
        let (live, ours) = (pem(&live), pem(&ours));
        let merged = merge_certificates(&live, &ours);
        prop_assert!(merged.starts_with(&live));
        prop_assert_eq!(merge_certificates(&merged, &ours), merged);
    }
}
