//! What holds of every configuration, checked on configurations that are drawn and a model of the API server.
//!
//! Every run draws the same ones, so that a red one can be repeated.

mod fields;
mod generated;
mod server;

use generated::{KINDS, config, inputs};
use manifests::Object;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngSeed;
use server::World;
use stages::select::Selection;
use stages::{ALL, Inputs, PlanError, Stage, Stages};

/// How often a stage's plan is applied before it counts as one that does not settle, as the runner has it.
const TRIES: usize = 3;

/// A run, as `setup` makes it: all plans before the first effect, and then each stage until its plan is empty.
fn run(world: &mut World, stages: &[&Stage], inputs: &Inputs, force: bool) -> Result<(), PlanError> {
    let mut assumed: Vec<Object> = Vec::new();
    for stage in stages {
        let mut observed = world.observe(stage, inputs);
        observed.assume(&assumed);
        assumed.extend((stage.plan)(inputs, &observed)?.objects().cloned());
    }
    for stage in stages {
        for applied in 0.. {
            let plan = (stage.plan)(inputs, &world.observe(stage, inputs))
                .unwrap_or_else(|error| panic!("{} could be planned before, and now: {error}", stage.name));
            if plan.actions.is_empty() {
                break;
            }
            assert!(applied < TRIES, "{} does not settle: {:?}", stage.name, plan.actions);
            let done = world.apply(&plan.actions, force);
            done.unwrap_or_else(|refusal| panic!("{}: the server refuses: {refusal}", stage.name));
        }
    }
    Ok(())
}

/// Nothing of these stages is left to do, and none has undone what another did.
fn is_done(world: &World, stages: &[&Stage], inputs: &Inputs) {
    for stage in stages {
        let plan = (stage.plan)(inputs, &world.observe(stage, inputs)).expect("it was planned before");
        assert_eq!(plan.actions, [], "{} is planned again", stage.name);
    }
}

/// Every field is as configured, seen without the comparison by which plans are made.
fn is_as_configured(world: &World, stages: &[&Stage], inputs: &Inputs) {
    for stage in stages {
        let plan = (stage.plan)(inputs, &world.observe(stage, inputs)).expect("it was planned before");
        let objects = if plan.skipped.is_none() { (stage.objects)(inputs) } else { Vec::new() };
        let lacking: Vec<String> = objects.iter().flat_map(|object| world.lacks(object)).collect();
        assert_eq!(lacking, [""; 0], "{} has not done it", stage.name);
    }
}

fn selection() -> impl Strategy<Value = Selection> {
    let names: Vec<String> = ALL.iter().map(|stage| stage.name.to_owned()).collect();
    let some = |most| subsequence(names.clone(), 0..=most);
    let only = prop_oneof![Just(Vec::new()), some(4), some(names.len())];
    let from = proptest::option::of(proptest::sample::select(names.clone()));
    (from, only, some(4)).prop_map(|(from, only, skip)| Selection { from, only, skip })
}

fn settings(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        max_shrink_iters: 60,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(settings(16))]

    #[test]
    fn what_was_applied_is_not_planned_again(drawn in config()) {
        let (inputs, mut world) = (inputs(&drawn), World::new(&KINDS));
        run(&mut world, ALL, &inputs, false).expect("nothing is missing");
        prop_assert!(world.writes > 40);
        is_as_configured(&world, ALL, &inputs);
        let before = world.writes;
        run(&mut world, ALL, &inputs, false).expect("nothing is missing");
        prop_assert_eq!(world.writes, before, "a second run writes nothing");
    }

    #[test]
    fn a_changed_configuration_is_applied_whole(drawn in vec(config(), 2)) {
        let mut world = World::new(&KINDS);
        for drawn in &drawn {
            let inputs = inputs(drawn);
            run(&mut world, ALL, &inputs, false).expect("nothing is missing");
            is_done(&world, ALL, &inputs);
            is_as_configured(&world, ALL, &inputs);
        }
    }

    #[test]
    fn what_others_changed_or_deleted_is_put_right(
        drawn in config(),
        touched in vec(any::<(usize, usize)>(), 0..6),
        deleted in vec(any::<usize>(), 0..4),
    ) {
        let (inputs, mut world) = (inputs(&drawn), World::new(&KINDS));
        run(&mut world, ALL, &inputs, false).expect("nothing is missing");
        touched.into_iter().for_each(|(object, field)| drop(world.touch(object, field)));
        deleted.into_iter().for_each(|index| drop(world.delete(index)));
        let before = world.writes;
        match run(&mut world, ALL, &inputs, true) {
            Ok(()) => is_done(&world, ALL, &inputs),
            // What it builds on is gone.
            Err(_) => prop_assert_eq!(world.writes, before, "told before the first effect"),
        }
    }

    /// What a stage builds on is made before it, was there, or its absence is told before the first effect: the server
    /// never refuses what was planned.
    #[test]
    fn no_choice_of_stages_leaves_out_what_another_builds_on(
        drawn in config(),
        choices in vec(selection(), 1..4),
    ) {
        let (inputs, mut world) = (inputs(&drawn), World::new(&KINDS));
        for choice in choices {
            let Ok(stages) = Stages::default().select(&choice) else { continue };
            let before = world.writes;
            match run(&mut world, &stages, &inputs, false) {
                Ok(()) => is_done(&world, &stages, &inputs),
                Err(PlanError::Precondition { what, next }) => {
                    prop_assert!(!what.is_empty() && !next.is_empty());
                    prop_assert_eq!(world.writes, before, "told before the first effect");
                }
            }
        }
    }
}
