//! `setup` at scale, beside what others need for the same work: how `cargo xtask bench` gets its figures.
//!
//! One generator makes the configurations: as many environments as asked for, each a namespace, a project and an
//! Application. Every subject works on a kwok cluster that has Argo CD's definitions and no objects of them; from 100
//! environments on, each has a cluster of its own. Subjects take turns within a round, so that whatever else the
//! machine does meets them all.

#![expect(clippy::print_stdout, reason = "figures are its result")]

mod ceiling;
mod place;
mod plot;
mod report;
mod subject;

use std::path::{Path, PathBuf};

use place::Place;
use report::Report;
use subject::Subject;

/// From this many environments on, what one subject leaves behind would slow the next one down.
const OWN_CLUSTER: usize = 100;

/// What is measured.
struct Options {
    sizes: Vec<usize>,
    rounds: usize,
    /// Most environments for the guide's own commands, half a second each.
    guide: usize,
    /// Most environments for kubectl with validation, which takes minutes from 1,000 on.
    validated: usize,
    /// Most environments for kapp and kpt.
    others: usize,
    /// Files, from the root of the repository.
    json: Option<PathBuf>,
    plot: Option<PathBuf>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        sizes: vec![10, 50],
        rounds: 1,
        guide: 50,
        validated: 500,
        others: 500,
        json: None,
        plot: None,
    };
    // cargo itself adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--long" => (options.sizes, options.rounds) = (vec![10, 50, 500, 2000], 3),
            "--sizes" => {
                options.sizes =
                    value()?.split(',').map(|size| number(size.into())).collect::<Result<_, _>>()?
            }
            "--rounds" => options.rounds = number(value()?)?,
            "--guide-up-to" => options.guide = number(value()?)?,
            "--validated-up-to" => options.validated = number(value()?)?,
            "--others-up-to" => options.others = number(value()?)?,
            "--json" => options.json = Some(value()?.into()),
            "--plot" => options.plot = Some(value()?.into()),
            _ => return Err(format!("unknown: {word}")),
        }
    }
    Ok(options)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, kubeconfig, requests] = words.as_slice()
        && word == ceiling::WORD
    {
        return ceiling::run(kubeconfig.as_ref(), requests.as_ref());
    }
    let options = options().unwrap_or_else(|problem| {
        eprintln!(
            "{problem}\nwords: --long | --sizes 10,50 --rounds 1; --guide-up-to 50, --validated-up-to 500, \
             --others-up-to 500; --json FILE, --plot FILE"
        );
        std::process::exit(2)
    });
    if !support::tools_at_hand() {
        return;
    }
    let mut report = Report::new(options.rounds);
    for round in 0..options.rounds {
        subject::manifest(round).into_iter().for_each(|row| report.add(row));
        for size in &options.sizes {
            measure(&options, round, *size, &mut report);
        }
    }
    println!("{}", report.table());
    let write = |path: &PathBuf, text: String| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    options.json.iter().for_each(|path| write(path, report.json()));
    options.plot.iter().for_each(|path| write(path, plot::svg(&report)));
}

fn measure(options: &Options, round: usize, size: usize, report: &mut Report) {
    let mut subjects: Vec<Subject> =
        Subject::ALL.into_iter().filter(|subject| subject.fits(options, size)).collect();
    let first = round % subjects.len();
    subjects.rotate_left(first);
    let mut shared = None;
    for subject in subjects {
        let own = (size >= OWN_CLUSTER).then(Place::new);
        let place = own.as_ref().unwrap_or_else(|| shared.get_or_insert_with(Place::new));
        eprintln!("round {}, {size} environments: {}", round + 1, subject.name());
        let work = place.work(&format!("r{round}-{}", subject.tag()), size);
        subject.measure(place, &work).into_iter().for_each(|row| report.add(row));
    }
}
