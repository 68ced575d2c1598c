//! A receiver that is not there, or does not want to.

use crate::lab::{Attack, Clock, Folder, Mood, Process, Receiver, wait_for};

fn users(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("eve-{n}")).collect()
}

fn write(folder: &Folder, users: &[String], clock: &mut Clock) {
    folder.write(&users.iter().map(|user| Attack::by(user, clock.next())).collect::<String>());
}

fn check_order(receiver: &Receiver, users: &[String]) {
    let subjects: Vec<_> = users.iter().map(|user| format!("{user} from 10.99.0.5")).collect();
    assert_eq!(receiver.subjects(), subjects);
}

#[track_caller]
fn check(mood: Mood) {
    let (receiver, users) = (Receiver::start(), users(20));
    let folder = Folder::telling(receiver.address);
    receiver.set(mood);
    let mut clock = Clock::now();
    let _process = Process::start(&folder);
    write(&folder, &users[..10], &mut clock);
    wait_for("an attempt", || !receiver.refused().is_empty());
    write(&folder, &users[10..], &mut clock);
    receiver.set(Mood::Well);
    receiver.wait_for("eve-19");
    check_order(&receiver, &users);
}

#[test]
fn one_that_fails_gets_everything_in_order_later() {
    check(Mood::Status(500));
}

#[test]
fn one_that_asks_to_wait_gets_everything_in_order_later() {
    check(Mood::Busy);
}

#[test]
fn one_that_hangs_gets_everything_in_order_later() {
    check(Mood::Hang);
}

#[test]
fn one_that_is_not_there_gets_everything_in_order_later_and_across_a_kill() {
    let (address, users) = (Receiver::nobody(), users(20));
    let folder = Folder::telling(address);
    let mut clock = Clock::now();
    let process = Process::start(&folder);
    write(&folder, &users[..10], &mut clock);
    let failed = "gatecrier_deliveries_total{sink=\"webhook-soc\",result=\"retried\"}";
    wait_for("an attempt", || process.metric(failed).is_some_and(|count| count > 0.0));
    process.kill();
    write(&folder, &users[10..], &mut clock);
    let receiver = Receiver::at(address);
    let _process = Process::start(&folder);
    receiver.wait_for("eve-19");
    check_order(&receiver, &users);
}

#[test]
fn one_that_hangs_holds_nobody_else_up() {
    let (deaf, good) = (Receiver::start(), Receiver::start());
    deaf.set(Mood::Hang);
    let hook = |receiver: &Receiver| format!("{{ url: \"http://{}/\" }}", receiver.address);
    let folder = Folder::new(&format!("{{ webhook: {{ deaf: {}, good: {} }} }}", hook(&deaf), hook(&good)));
    let mut clock = Clock::now();
    let _process = Process::start(&folder);
    for user in users(5) {
        write(&folder, std::slice::from_ref(&user), &mut clock);
        good.wait_for(&user);
    }
    assert!(deaf.alerts().is_empty() && deaf.refused().len() == 1);
}
