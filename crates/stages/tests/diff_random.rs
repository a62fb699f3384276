//! Any object is the same as itself, and one changed leaf of any object is found.

use manifests::Object;
use serde_json::{Map, Value, json};
use stages::diff;

/// A small generator (xorshift), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 5 } else { 9 }) {
            0 => json!(self.below(1000)),
            1 => json!(self.below(2) == 0),
            2 => json!(format!("text {}", self.below(1000))),
            3 => json!(self.below(1000) as f64 / 8.0),
            4 => json!(["", "0", "null", "1000m"][self.below(4) as usize]),
            5 | 6 => self.map(depth - 1),
            7 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..=self.below(3))
                .map(|index| json!({"name": format!("item-{index}"), "value": self.value(depth - 1)}))
                .collect(),
        }
    }

    fn map(&mut self, depth: u64) -> Value {
        const NAMES: [&str; 8] = ["a", "b", "limits", "requests", "x.y/z", "containers", "ports", "selector"];
        let mut map = Map::new();
        for _ in 0..=self.below(5) {
            let name = NAMES[self.below(8) as usize];
            map.insert(name.into(), self.value(depth));
        }
        map.into()
    }
}

/// What an apply of `value` leaves in `managedFields`: lists of named maps are keyed, others atomic.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (format!("f:{name}"), fields(value))).collect(),
        Value::Array(items) if is_keyed(items) => items
            .iter()
            .map(|item| {
                let mut inside = fields(item);
                inside["."] = json!({});
                (format!("k:{}", json!({"name": item["name"]})), inside)
            })
            .collect(),
        _ => json!({}),
    }
}

fn is_keyed(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

fn object(spec: &Value) -> Object {
    let value = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec});
    Object::try_from(value).expect("an object")
}

fn applied(spec: &Value) -> Object {
    let mut live = object(spec);
    live.get_mut("/metadata").expect("metadata")["managedFields"] =
        json!([{"manager": "gitops-setup", "operation": "Apply", "fieldsV1": {"f:spec": fields(spec)}}]);
    live
}

/// JSON pointers of all leaves, each with the path that a change of it is shown under.
fn leaves(value: &Value, pointer: &str, shown: &str, within_atomic: bool, found: &mut Vec<(String, String)>) {
    let show = |more: String| if within_atomic { shown.to_owned() } else { format!("{shown}{more}") };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let more = if name.contains(['.', '/']) { format!("[{name}]") } else { format!(".{name}") };
                leaves(value, &pointer, &show(more), within_atomic, found);
            }
        }
        Value::Array(items) => {
            let keyed = is_keyed(items) && !within_atomic;
            for (index, item) in items.iter().enumerate() {
                let more = if keyed {
                    format!("[{}]", item["name"].as_str().expect("keyed items have names"))
                } else {
                    String::new()
                };
                let name = format!("{pointer}/{index}/name");
                let start = found.len();
                leaves(item, &format!("{pointer}/{index}"), &show(more), !keyed, found);
                // A changed name is another item.
                found.retain(|(pointer, _)| !keyed || *pointer != name);
                assert!(found.len() >= start);
            }
        }
        _ => found.push((pointer.to_owned(), shown.to_owned())),
    }
}

const SEEDS: std::ops::Range<u64> = 1..600;

#[test]
fn an_object_is_the_same_as_itself() {
    for seed in SEEDS {
        let spec = Random(seed * 7919).map(4);
        for live in [object(&spec), applied(&spec)] {
            assert_eq!(diff::changes(&object(&spec), &live, "gitops-setup"), [], "seed {seed}: {spec}");
        }
    }
}

#[test]
fn one_changed_leaf_is_found_at_its_path() {
    let mut tried = 0;
    for seed in SEEDS {
        let mut random = Random(seed * 7919);
        let spec = random.map(4);
        let mut all = Vec::new();
        leaves(&spec, "", "spec", false, &mut all);
        if all.is_empty() {
            continue;
        }
        let (pointer, shown) = &all[random.below(all.len() as u64) as usize];
        let mut changed = spec.clone();
        *changed.pointer_mut(pointer).unwrap() = json!("something else");
        for (desired, live) in [(&changed, applied(&spec)), (&spec, applied(&changed))] {
            let found = diff::changes(&object(desired), &live, "gitops-setup");
            assert!(
                found.iter().any(|change| change.path == *shown),
                "seed {seed}: {shown}: {found:?}\n{spec}"
            );
        }
        tried += 1;
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn one_leaf_more_or_less_is_found() {
    for seed in SEEDS {
        let spec = Random(seed * 104_729).map(4);
        let mut more = spec.clone();
        more["added"] = json!({"deep": [{"x": 1}]});
        let found =
            |desired: &Value, live: &Value| diff::changes(&object(desired), &applied(live), "gitops-setup");
        assert_eq!(found(&more, &spec).len(), 1, "seed {seed}");
        assert_eq!(found(&spec, &more).len(), 1, "seed {seed}");
    }
}
