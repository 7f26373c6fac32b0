//! Settings of any text: what can be read is written as text that reads back as itself.
#![no_main]

use genil_learn::RunSettings;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(settings) = RunSettings::parse(text) {
        let again = RunSettings::parse(&settings.to_text().expect("checked settings")).expect("their own text");
        assert_eq!(again, settings);
        let _ = settings.fingerprint();
    }
});
