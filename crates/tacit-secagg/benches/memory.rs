//! What a coordinator holds while it opens sums, beyond the model:
//! `cargo bench -p tacit-secagg --bench memory`.
//!
//! For every row members talk in one process, whose messages go to a file; a process of its own
//! then is the coordinator: it reads one message at a time, and contributions frame by frame, as
//! from a spool on disk. Printed is the largest resident set of that process (VmHWM) less the four
//! bytes of each of a million sums; what a program holds that does nothing is in it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Meddler, World, terms};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tacit_core::exchange::Letter;
use tacit_core::registry::Value;
use tacit_core::traits::Exchange;

const VALUES: usize = 1_000_000;
const FRAME: usize = 16_384;
const MEMBERS: usize = 1_000;

/// What the process that reads a file is told by.
const FILE: &str = "TACIT_BENCH_LETTERS";

const ROWS: [(&str, u8); 4] =
    [("semi-honest", 10), ("malicious", 10), ("semi-honest", 30), ("malicious", 30)];

/// A figure of this process in MiB.
fn memory(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn world((adversary, dropped): (&str, u8)) -> World {
    let changes = [("adversary", Value::Text(adversary.into()))];
    let share = f64::from(dropped) / 100.0;
    let mut world =
        World::new(&changes, terms(MEMBERS, MEMBERS - usize::from(dropped) * 10, (0.1, share), 32));
    for seal in &mut world.seals {
        Arc::get_mut(seal).unwrap().trusting = true;
    }
    world.frame = 1;
    world
}

/// Writes what is said.
struct Scribe(BufWriter<File>);

impl Meddler for Scribe {
    fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
        let head = [u64::from(stage), from as u64, body.len() as u64].map(u64::to_le_bytes);
        self.0.write_all(head.as_flattened()).unwrap();
        self.0.write_all(body).unwrap();
    }
}

/// One message at a time, as a server takes them.
struct Said<'a>(BufReader<File>, &'a World);

impl Iterator for Said<'_> {
    type Item = (u8, Letter);

    fn next(&mut self) -> Option<(u8, Letter)> {
        let mut head = [0; 24];
        self.0.read_exact(&mut head).ok()?;
        let [stage, from, bytes] =
            [0, 8, 16].map(|at| u64::from_le_bytes(head[at..at + 8].try_into().unwrap()) as usize);
        let mut body = vec![0; bytes];
        self.0.read_exact(&mut body).unwrap();
        let letter = self.1.seals[from].sign(&self.1.terms.context, stage as u8, body);
        Some((stage as u8, letter))
    }
}

/// A coordinator's whole round.
fn coordinate(row: (&str, u8), letters: &Path) {
    let world = world(row);
    let staying = &world.names[row.1 as usize * MEMBERS / 100..];
    let before = memory("VmRSS");
    let mut table = world.rule.table(&world.terms, &world.names).unwrap();
    let stages = world.rule.stages(&world.terms);
    let mut said = Said(BufReader::new(File::open(letters).unwrap()), &world).peekable();
    for stage in 0..stages.count() {
        if stage == stages.before {
            table.contributed(staying).unwrap();
        }
        while let Some((_, letter)) = said.next_if(|(of, _)| *of == stage) {
            drop(table.mail(stage, letter.sender()).unwrap());
            table.hear(&letter).unwrap();
        }
        table.close(stage).unwrap();
    }
    let talked = memory("VmHWM");
    let mut opening = table.open().unwrap();
    // Values do not matter: everybody's contribution is read from one file.
    let (path, made_up) = (letters.with_extension("payload"), vec![0x5a; 4 * VALUES]);
    std::fs::write(&path, &made_up).unwrap();
    drop(made_up);
    let (mut spool, mut model) = (File::open(&path).unwrap(), Vec::with_capacity(VALUES));
    for frame in 0..VALUES.div_ceil(FRAME) {
        let count = FRAME.min(VALUES - frame * FRAME);
        opening.begin(frame as u32, count).unwrap();
        for sender in staying {
            let mut sealed = vec![0; 4 * count];
            spool.seek(SeekFrom::Start((4 * frame * FRAME) as u64)).unwrap();
            spool.read_exact(&mut sealed).unwrap();
            opening.add(sender, &sealed).unwrap();
        }
        model.extend(opening.finish().unwrap()[0].iter().map(|sum| *sum as f32));
    }
    let (peak, of_model) = (memory("VmHWM"), (4 * model.len()) as f64 / 1_048_576.0);
    println!(
        "{:<12} {:>3} % {:>10.1} {:>10.1} {:>10.1}",
        row.0,
        row.1,
        before,
        talked,
        peak - of_model
    );
}

fn main() {
    if let Ok(letters) = std::env::var(FILE) {
        let row = ROWS
            .into_iter()
            .find(|(adversary, dropped)| letters.ends_with(&format!("{adversary}-{dropped}")));
        return coordinate(row.unwrap(), Path::new(&letters));
    }
    println!("{MEMBERS} x {VALUES} values, MiB");
    println!("{:<12} {:>5} {:>10} {:>10} {:>10}", "coordinator", "left", "idle", "talked", "peak");
    let dir = std::env::temp_dir().join(format!("tacit-memory-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for row in ROWS {
        let letters = dir.join(format!("{}-{}", row.0, row.1));
        let gone: Vec<_> =
            (0..usize::from(row.1) * MEMBERS / 100).map(|member| (member, 3)).collect();
        let mut scribe = Scribe(BufWriter::new(File::create(&letters).unwrap()));
        world(row).leaving(&gone).meddled(&vec![vec![1]; MEMBERS], &mut scribe).unwrap();
        scribe.0.flush().unwrap();
        let child = Command::new(std::env::current_exe().unwrap()).env(FILE, &letters).status();
        assert!(child.unwrap().success());
        std::fs::remove_file(&letters).unwrap();
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
