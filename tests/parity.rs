//! Every stored case matches its reference, and would not if a number were wrong.

use std::fs;
use std::path::{Path, PathBuf};

use fpga_core::pipeline::{DeviceChoice, Precision};
use fpga_tests::parity::{Array, Case, Report, Tensors, Verdict, run};

#[test]
fn every_stored_case_matches_its_reference() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let mut failures = Vec::new();
    for folder in case_folders() {
        let case = Case::open(&folder).unwrap();
        assert!(
            case.expected.is_some(),
            "{} expects nothing",
            folder.display()
        );
        match run(&case, &device) {
            Ok(outputs) => {
                let report = Report::compare(&outputs, case.expected.as_ref(), case.rtol);
                let wrong = report.lines.iter().filter(|line| !line.verdict.passed());
                failures.extend(wrong.map(|line| format!("{}: {line}", folder.display())));
            }
            Err(error) => failures.push(format!("{}: {error}", folder.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_slightly_different_reference_does_not_match() {
    let device = DeviceChoice::Cpu.open().unwrap();
    for folder in case_folders() {
        let case = Case::open(&folder).unwrap();
        let outputs = run(&case, &device).unwrap();
        let expected = case.expected.as_ref().unwrap();
        for (name, _) in expected.iter() {
            let report = Report::compare(&outputs, Some(&stretched(expected, name)), case.rtol);
            let line = report.lines.iter().find(|line| line.name == name).unwrap();
            assert!(!line.verdict.passed(), "{}: {name}", folder.display());
        }
    }
}

/// Burn's own operations compute in halves on the CPU too, slowly: what a card computes is tried here.
#[test]
fn halves_round_and_stay_near() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let kinds = [
        "unet",
        "controlnet",
        "repcontrolnet",
        "mgmica",
        "consistentid",
    ];
    let mut tried = Vec::new();
    for folder in case_folders() {
        let mut case = Case::open(&folder).unwrap();
        let Some(kind) = kinds.iter().find(|kind| **kind == case.kind) else {
            continue;
        };
        tried.push(*kind);
        for (precision, least, most) in
            [(Precision::F16, 5e-5, 3e-2), (Precision::Bf16, 5e-4, 2e-1)]
        {
            case.precision = precision;
            let outputs = run(&case, &device).unwrap();
            let report = Report::compare(&outputs, case.expected.as_ref(), most);
            let mut furthest: f64 = 0.0;
            for line in &report.lines {
                let place = format!("{} in {precision}: {line}", folder.display());
                assert!(line.verdict.passed(), "{place}");
                if let Verdict::Compared { relative_l2, .. } = line.verdict {
                    furthest = furthest.max(relative_l2);
                }
            }
            assert!(
                furthest > least,
                "{} in {precision}: {furthest:.1e}",
                folder.display()
            );
        }
    }
    assert!(kinds.iter().all(|kind| tried.contains(kind)), "{tried:?}");
}

/// The same tensors with the named one off by three times what passes by default.
fn stretched(tensors: &Tensors, name: &str) -> Tensors {
    let mut all = Tensors::default();
    for (known, array) in tensors.iter() {
        let factor = if known == name { 1.0 + 3e-4 } else { 1.0 };
        let values = array.values.iter().map(|value| value * factor).collect();
        let shape = array.shape.clone();
        all.push(known, Array { shape, values });
    }
    all
}

/// Every folder below `fixtures` that holds a case.
fn case_folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect_cases(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"),
        &mut found,
    );
    found.sort();
    assert!(!found.is_empty(), "no stored cases");
    found
}

fn collect_cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.join("case.json").is_file() {
            found.push(path);
        } else if path.is_dir() {
            collect_cases(&path, found);
        }
    }
}
